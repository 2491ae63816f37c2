"""A number that is estimated, and how well."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """A value and its standard error.

    Attributes:
        value: the estimate.
        standard_error: its standard deviation over repetitions, estimated.
    """

    value: float
    standard_error: float


def mean(values: Tensor) -> Estimate:
    """The mean of ``(n,)`` independent values, n > 1; shares are means of 0 and 1."""
    values = values.double()
    return Estimate(values.mean().item(), values.std().item() / math.sqrt(len(values)))


def resampled(
    statistic: Callable[[Tensor, Tensor], float], sizes: tuple[int, int], *, resamples: int, seed: int
) -> Estimate:
    """A statistic of two samples, its error by the bootstrap: both are drawn again, with replacement, independently.

    The standard deviation of the resampled statistics is kept and not their quantiles: a distance between two samples
    is biased upwards, and the resampled ones are biased twice.

    Args:
        statistic: of the multiplicities ``(n,), (m,) float64`` of the examples, all ones for the samples themselves.
        sizes: ``(n, m)``.
        resamples: how often.
        seed: of the resampling.
    """
    generator = torch.Generator().manual_seed(seed)

    def drawn(size: int) -> Tensor:
        index = torch.randint(size, (size,), generator=generator)
        return torch.bincount(index, minlength=size).double()

    n, m = sizes
    value = statistic(*(torch.ones(size, dtype=torch.float64) for size in sizes))
    again = torch.tensor([statistic(drawn(n), drawn(m)) for _ in range(resamples)], dtype=torch.float64)
    return Estimate(value, again.std().item())
