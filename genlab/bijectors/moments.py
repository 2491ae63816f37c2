"""Mean and variance of a batch, the same in every data-parallel process."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor, distributed


class Moments(NamedTuple):
    """Per feature: ``(C,)`` each; the variance is the biased one."""

    mean: Tensor
    variance: Tensor


def _over_ranks(value: Tensor) -> Tensor:
    """Mean over the processes, with its gradient; ``value`` itself where there is one process."""
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return value
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(value.clone()) / distributed.get_world_size()


def moments(x: Tensor) -> Moments:
    """Mean and variance of each feature of ``x: (B, C, ...)`` over examples, positions and processes.

    All processes have batches of the same size, so the mean of their means is the mean.
    """
    dims = [0, *range(2, x.ndim)]
    mean = _over_ranks(x.mean(dims))
    centred = x - per_feature(mean, x)
    return Moments(mean, _over_ranks(centred.square().mean(dims)))


def per_feature(value: Tensor, x: Tensor) -> Tensor:
    """``(C,)`` shaped to broadcast over ``x: (B, C, ...)``."""
    return value if x.ndim == 2 else value.view(-1, *[1] * (x.ndim - 2))


def over_positions(log_det: Tensor, x: Tensor) -> Tensor:
    """The log-determinant ``()`` of a map of the features, taken at every position of ``x: (B, C, ...)``: ``(B,)``."""
    total = log_det if x.ndim == 2 else log_det * math.prod(x.shape[2:])
    return total.expand(len(x))
