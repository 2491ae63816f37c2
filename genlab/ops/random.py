"""Random numbers from one generator, or from one per example.

With a generator per example, seeded by the example's index, a Monte Carlo estimate does not depend on how a split
was cut into batches or shared between processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Generators = torch.Generator | Sequence[torch.Generator] | None


def normal(batch: int, *shape: int, like: Tensor, generator: Generators) -> Tensor:
    """Standard normal numbers ``(batch, *shape)`` on the device and with the dtype of ``like``.

    Args:
        batch: number of examples.
        *shape: of each example's numbers.
        like: gives device and dtype.
        generator: one for the batch, a sequence of ``batch`` (one per example), or None for PyTorch's own state.
    """
    return _filled(Tensor.normal_, batch, shape, like, generator)


def uniform(batch: int, *shape: int, like: Tensor, generator: Generators) -> Tensor:
    """Numbers from ``[0, 1)``; the arguments are those of `normal`."""
    return _filled(Tensor.uniform_, batch, shape, like, generator)


def truncated_normal(batch: int, *shape: int, bound: float, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers given that they are in ``[-bound, bound]``: ``Phi^-1`` of uniform ones, none rejected."""
    low = torch.special.ndtr(torch.tensor(-bound, dtype=torch.float64))
    u = uniform(batch, *shape, like=like, generator=generator).double()
    return torch.special.ndtri(low + (1 - 2 * low) * u).to(like.dtype)


def _filled(
    fill: Callable[..., Tensor], batch: int, shape: tuple[int, ...], like: Tensor, generator: Generators
) -> Tensor:
    if generator is None or isinstance(generator, torch.Generator):
        device = like.device if generator is None else generator.device
        return fill(torch.empty(batch, *shape, device=device, dtype=like.dtype), generator=generator).to(like.device)
    if len(generator) != batch:
        raise ValueError(f"{len(generator)} generators for a batch of {batch}")
    noise = torch.empty(batch, *shape)
    for row, own in zip(noise, generator, strict=True):
        fill(row, generator=own)
    return noise.to(like.device, like.dtype)
