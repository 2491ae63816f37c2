"""What samplers along a Gaussian path are given, and the loop that all of them are.

    x_t = alpha(t) x_0 + sigma(t) eps,   eps ~ N(0, I),   t from 0 (data) to 1 (noise)

A sampler is a function ``(process, x, times) -> x``: it carries states ``x`` at ``times[0]`` to ``times[-1]``, one step
for each interval. What a step needs of its times is a row of numbers that are computed beforehand, so that on a CUDA
device one step is recorded and replayed with other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genlab.ops.graphs import Repeated
from genlab.ops.random import Generators, normal

Field = Callable[[Tensor, Tensor], Tensor]
"""``(x: (B, *event), t: (B,)) -> (B, *event)``."""

Observer = Callable[[int, Tensor], None]
"""Called with ``(k, x_k)`` after step k = 1, 2, ...; not to change ``x_k``."""


class Path(Protocol):
    """The two coefficients of a Gaussian path."""

    def alpha(self, t: Tensor) -> Tensor:
        """What remains of the data at ``t``."""

    def sigma(self, t: Tensor) -> Tensor:
        """How much noise there is at ``t``."""


@dataclass(frozen=True)
class Process:
    """A path, and what is known of the data along it; conditions and guidance are already in the functions.

    Attributes:
        path: of noise.
        denoise: ``D(x, t) = E[x_0 | x_t = x]``.
        velocity: ``dx/dt`` of the probability flow.
    """

    path: Path
    denoise: Field
    velocity: Field


class Sampler(Protocol):
    """What all samplers are."""

    def __call__(
        self,
        process: Process,
        x: Tensor,
        times: Tensor,
        *,
        generator: Generators = None,
        observe: Observer | None = None,
    ) -> Tensor:
        """``x: (B, *event)`` at ``times[0]``, at ``times[-1]``; ``times: (steps + 1,)``."""


Step = Callable[[Tensor, Sequence[Tensor], Tensor], Tensor]
"""``(x, the row's numbers, noise like x) -> x`` after the step."""


def march(
    step: Step,
    x: Tensor,
    rows: Tensor,
    *,
    noisy: bool = False,
    generator: Generators = None,
    observe: Observer | None = None,
) -> Tensor:
    """The state after a step for each row.

    Args:
        step: one step; on a CUDA device it is recorded, so it must not look at a value.
        x: ``(B, *event)``; left as it is.
        rows: ``(steps, K)`` numbers of each step.
        noisy: whether a step is given standard normal numbers; else their place is taken by ``x``.
        generator: of that noise.
        observe: sees every step.
    """
    rows = rows.to(x.device, x.dtype)
    state, row = x.clone(), rows[0].clone()
    noise = torch.empty_like(x) if noisy else state
    again = Repeated(lambda: state.copy_(step(state, row.unbind(), noise)), device=x.device)
    for k in range(len(rows)):
        row.copy_(rows[k])
        if noisy:
            noise.copy_(normal(len(x), *x.shape[1:], like=x, generator=generator))
        again()
        if observe is not None:
            observe(k + 1, state.clone())
    return state


def at(t: Tensor, x: Tensor) -> Tensor:
    """A time for each example of ``x``, ``(B,)``."""
    return t.expand(len(x))
