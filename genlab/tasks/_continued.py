"""Test sequences of which the beginning is kept, and how a model goes on from there."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from genlab.data.dataset import Split
from genlab.data.lengths import ended, mask, time_axis, within
from genlab.data.spaces import Space, Tokens
from genlab.evaluation.artefacts.explain import figure, most
from genlab.evaluation.artefacts.grids import stacked
from genlab.evaluation.artefacts.media import Files, media
from genlab.models.capabilities import Sequential
from genlab.models.conditions import condition
from genlab.tasks._side_by_side import side_by_side
from genlab.tasks._step_by_step import STEPS, Cut, sized
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.keep import kept_steps
from genlab.tasks.work import FEW, Work

COLUMNS = 4
"""Of the sheet."""


def continued(work: Work, keep: str, cut: Cut) -> Drawn:
    """Originals and completions, as long as the originals unless a token of its own ends them.

    Args:
        work: of a model of what has a time.
        keep: see `kept_steps`.
        cut: how likely a step has to be.

    Raises:
        ConfigError, DataError: as `kept_steps` and `Work.order`.
    """
    model, space = work.model, work.spec.space
    assert isinstance(model, Sequential)  # as all that have a time are
    where, axis = work.device, time_axis(space)
    test = work.data().test
    order = work.order(test)
    n = min(work.n, len(order))
    work.told_of_fewer(n, work.n)
    long = _lengths(space, test)[order]
    kept = kept_steps(keep, work.spec, long)
    ends = isinstance(space, Tokens) and space.end is not None
    total = test.x.shape[axis] if ends else int(long[:n].max())
    c = condition(model, test)

    def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        place = index.cpu().clamp_max(len(order) - 1)  # to fill the last block
        x = test.x[order[place]].narrow(axis, 0, total).to(where)
        given = None if c is None else c[order[place]].to(where)
        stays = _along(axis, mask(kept[place], total), x.dim()).to(where)
        done = model.complete(x, stays, given, **cut._asdict(), generator=generator, progress=work.bar("complete"))
        return {"done": done}

    done = work.in_blocks(n, draw, parted=FEW)["done"]
    originals, long, kept = test.x[order[:n]].narrow(axis, 0, total), long[:n], kept[:n]
    now = ended(space, done)
    now = long if now is None else now
    done = done * within(space, done, now)
    arrays = {"originals": originals, "completions": done, "kept": kept}
    if getattr(space, "ragged", False):
        arrays |= {"original_lengths": long, "lengths": now}
    count = work.fitting(n, each=2)
    spec = sized(work.spec, done)
    picture = partial(stacked, [originals[:count], done[:count]], spec, columns=COLUMNS)
    limit = most(spec.space)
    if limit is not None:
        count = min(count, limit // 2)
        ends_at = (long[:count], now[:count])
        picture = partial(_in_pairs, spec.space, originals[:count], done[:count], kept[:count], ends_at)
    files = _files(spec.space, originals, done, kept, (long, now))
    note = (
        f"test examples, below each row how the model goes on after {keep} of them, each a draw from the exact "
        f"conditional{cut.said}{told(count, n)}"
    )
    return Drawn(picture, {name: value.numpy() for name, value in arrays.items()}, note, files)


def _in_pairs(
    space: Space, originals: Tensor, done: Tensor, kept: Tensor, lengths: tuple[Tensor, Tensor]
) -> np.ndarray:
    """A figure of each original and its completion, whose title says where the model goes on."""
    names = [
        name
        for i, steps in enumerate(kept.tolist())
        for name in (f"original {i + 1}", f"completion {i + 1}, drawn after {steps:,} {STEPS[space.kind]}")
    ]
    both = torch.stack([originals, done], 1).flatten(0, 1)
    found = figure(space, both, torch.stack(lengths, 1).flatten(), names=names)
    assert found is not None  # as it shows some
    return found


def _lengths(space: Space, test: Split) -> Tensor:
    return torch.full((len(test),), test.x.shape[time_axis(space)]) if test.lengths is None else test.lengths


def _along(axis: int, stays: Tensor, dim: int) -> Tensor:
    """``(B, L)`` in a shape that is broadcast to a batch of ``dim`` axes."""
    return stays.view(len(stays), *[1] * (axis - 1), -1, *[1] * (dim - axis - 1))


def _files(space: Space, originals: Tensor, done: Tensor, kept: Tensor, lengths: tuple[Tensor, Tensor]) -> Files:
    """Each original and its completion: in two columns where they are read, one after the other where they sound."""
    if isinstance(space, Tokens):
        return {"txt": lambda: side_by_side(space, originals, done, kept, lengths).encode("utf-8", "backslashreplace")}
    return media(space, torch.stack([originals, done], 1).flatten(0, 1), torch.stack(lengths, 1).flatten())
