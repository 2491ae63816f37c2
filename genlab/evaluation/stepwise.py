"""What a model says of the steps of sequences: nats of those that are scored, and whether it foresaw them."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.data.batches import Batch, ordered
from genlab.data.lengths import mask
from genlab.data.spaces import Frames, Space
from genlab.evaluation.contexts import Given
from genlab.evaluation.likelihood import over
from genlab.evaluation.rates import AT_ONCE
from genlab.models.capabilities import Sequential
from genlab.models.conditions import condition, lengths
from genlab.models.sequence import in_steps
from genlab.models.sequence.base import SequenceModel
from genlab.ops.bars import Progress

LARGEST = 1 << 26
"""Numbers that a model says of steps at once."""


def nats(model: Sequential, given: Given, *, batch_size: int, progress: Progress | None = None) -> Tensor:
    """``-sum_t log p(x_t | x_<t)`` over the steps that are scored, ``(N,) float64``."""
    space = model.spec.space

    def compute(index: Tensor, batch: Batch) -> dict[str, Tensor]:
        terms = model.log_prob_per_dim(batch.x, condition(model, batch), **lengths(model, batch))
        steps = in_steps.to_steps(space, terms).double()
        steps = steps.sum(2) if isinstance(space, Frames) else steps
        return {"nats": -(steps * scored(space, batch, given.first[index])).sum(1)}

    return over(model, given.split, compute, batch_size=batch_size, progress=progress)["nats"]


def scored(space: Space, batch: Batch, first: Tensor) -> Tensor:
    """Which steps are scored: those from the first on that are no padding, ``(B, T) bool``."""
    steps = in_steps.to_steps(space, batch.x).shape[1]
    after = torch.arange(steps, device=batch.x.device) >= first.to(batch.x.device)[:, None]
    return after if batch.lengths is None else after & mask(batch.lengths, steps)


def weighed(space: Space, given: Given, weights: Tensor | None = None) -> Tensor:
    """How many steps of each example are scored, ``(N,) float64``; of tokens with ``weights (V,)`` their sum."""
    found = []
    for index, batch in ordered(given.split, batch_size=AT_ONCE):
        within = scored(space, batch, given.first[index])
        found.append((within if weights is None else weights[batch.x.long()] * within).sum(1).double())
    return torch.cat(found)


def foreseen(
    model: SequenceModel, given: Given, *, batch_size: int, progress: Progress | None = None
) -> tuple[Tensor, Tensor]:
    """How much of each example was the likeliest value of its step, and of how much: ``(N,) float64`` each.

    Of single values those that are right, of all. Of frames of 0 and 1 the ones that are right, of those that are
    foreseen or true: zeros, which are most of a piano roll, count for nothing.
    """
    space = model.spec.space

    def compute(index: Tensor, batch: Batch) -> dict[str, Tensor]:
        steps, c = in_steps.to_steps(space, batch.x).long(), condition(model, batch)
        within = scored(space, batch, given.first[index])
        size = max(1, LARGEST // (steps.shape[1] * model.output.num_outputs))
        rows = torch.arange(len(steps), device=steps.device).split(size)
        parts = [model.likeliest(steps[row], None if c is None else c[row]) for row in rows]
        return _right(steps, torch.cat(parts), within, binary=isinstance(space, Frames) and space.levels == 2)

    found = over(model, given.split, compute, batch_size=batch_size, progress=progress)
    return found["right"], found["of"]


def _right(x: Tensor, likeliest: Tensor, within: Tensor, *, binary: bool) -> dict[str, Tensor]:
    within = within if x.dim() == 2 else within[..., None].expand_as(x)
    if binary:
        right, of = (x == 1) & (likeliest == 1), (x == 1) | (likeliest == 1)
    else:
        right, of = x == likeliest, torch.ones_like(x, dtype=torch.bool)
    return {"right": (right & within).flatten(1).sum(1), "of": (of & within).flatten(1).sum(1)}
