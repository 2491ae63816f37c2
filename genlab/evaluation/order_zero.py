"""What knows no more of a sequence than how frequent its values are: each is independent of all others.

    p(v) = (c_v + 1) / (sum_u c_u + V),      c_v how often v comes in training,

and of frames likewise for each of their values apart. A model of sequences that does not beat it has learned nothing of
their order. (One is added to each count, so that what training lacks has a probability as well: Laplace's rule.)
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.data.batches import ordered
from genlab.data.lengths import within
from genlab.data.overlapping import overlap, stream
from genlab.data.spaces import InTime, Space, Split
from genlab.evaluation.rates import AT_ONCE
from genlab.models.sequence import in_steps

CHUNK = 1 << 20
"""Symbols of a text that are."""


def knows(space: Space) -> bool:
    """Whether data are sequences of integers."""
    return isinstance(space, InTime) and space.levels is not None


def log_probabilities(space: Space, train: Split) -> Tensor:
    """``log p``, ``(W, V) float64``: of each of W values of a step, which is 1 but of frames."""
    assert space.levels is not None
    width, levels = in_steps.width(space) or 1, space.levels
    counts = torch.zeros(width * levels, dtype=torch.float64)
    parts = [Split(part[None]) for part in stream(train.x).split(CHUNK)] if overlap(train.x) else [train]
    for x, inside in (each for part in parts for each in _steps(space, part)):
        counts += torch.bincount((x + levels * torch.arange(width))[inside], minlength=len(counts))
    counts = counts.view(width, levels) + 1
    return (counts / counts.sum(1, keepdim=True)).log()


def nats(space: Space, train: Split, split: Split) -> Tensor:
    """``-log p(x)`` of each example of a split, ``(N,) float64``."""
    known = log_probabilities(space, train)
    width, levels = known.shape
    flat = known.flatten()
    found = [-(flat[x + levels * torch.arange(width)] * inside).flatten(1).sum(1) for x, inside in _steps(space, split)]
    return torch.cat(found)


def _steps(space: Space, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """Parts of a split as steps ``(B, L, W) int64``, and what of them is no padding."""
    for _, batch in ordered(split, batch_size=AT_ONCE):
        x = in_steps.to_steps(space, batch.x).long()
        inside = in_steps.to_steps(space, within(space, batch.x, batch.lengths))
        yield (x[..., None], inside[..., None]) if x.dim() == 2 else (x, inside)
