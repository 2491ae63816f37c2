"""Numbers per unit of a sequence: a ratio of sums, since examples may have many units or few.

    R = sum_i nats_i / sum_i units_i,

not the mean of ratios, in which a symbol of a short example would count for more than one of a long example.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genlab.data.batches import ordered
from genlab.data.lengths import units
from genlab.data.spaces import InTime, Space, Split
from genlab.evaluation.record import Rate
from genlab.evaluation.statistics.estimate import gathered, influence, ratio

AT_ONCE = 1000
"""Examples whose units are counted together."""


def unit_of(space: Space) -> str | None:
    """What a likelihood of a sequence is divided by, "bits/character"; None of other data, and of what has no bits."""
    if not isinstance(space, InTime):
        return None
    return space.unit.name if space.levels is not None or space.unit.nats else None


def rate(space: Space, split: Split, nats: Tensor) -> Rate | None:
    """The likelihood of a split per unit of its space, from ``nats (N,)`` of each example; None: it has none."""
    name = unit_of(space)
    if name is None:
        return None
    unit = space.unit
    counts = counted(split, lambda x, lengths: units(space, x, lengths))
    alike = bool((counts == unit.count).all())
    return of_counts(nats, counts, name, bits=not unit.nats, same=unit.scale if alike else None)


def of_counts(nats: Tensor, counts: Tensor, name: str, *, bits: bool, same: float | None = None) -> Rate:
    """``nats (N,)`` per one of ``counts (N,)``.

    Args:
        nats: of each example.
        counts: units of each example.
        name: of the unit.
        bits: whether nats become bits.
        same: where all examples have as many units, what nats of an example are multiplied by.
    """
    if same is not None:
        error = nats.std().item() / math.sqrt(len(nats)) * same if len(nats) > 1 else None
        mine = tuple(value * same for value in influence(nats))
        return Rate(nats.mean().item() * same, name, same, error, mine)
    factor = 1 / math.log(2) if bits else 1.0
    value, error, each = ratio(nats, counts)
    scale = factor * len(nats) / counts.sum().item()
    return Rate(value * factor, name, scale, None if error is None else error * factor, gathered(each * factor))


def counted(split: Split, count: Callable[[Tensor, Tensor | None], Tensor]) -> Tensor:
    """``count(x, lengths) -> (B,)`` of all examples, ``(N,) float64`` on the CPU."""
    found = [count(batch.x, batch.lengths).double().cpu() for _, batch in ordered(split, batch_size=AT_ONCE)]
    return torch.cat(found)
