"""What every model should beat: a likelihood above it is a number, and nonsense."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.data.spaces import Dataset, Split
from genlab.evaluation import order_zero
from genlab.evaluation.rates import rate
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import influence
from genlab.numerals import decimals

SIGMAS = 2.0
"""A number is told as worse only when it is so by more than this many of its standard errors."""

AT_ONCE = 10_000

ORDER_ZERO = "a model that knows only how frequent each value is in training"


class Reference(NamedTuple):
    """A model that knows next to nothing.

    Attributes:
        nats: its negative log-likelihood per example.
        name: what it is.
        rate: the number in the unit of a sequence, as text; None of other data.
        influence: of each example on it, where it is known; see `genlab.evaluation.statistics.estimate.influence`.
    """

    nats: float
    name: str
    rate: str | None = None
    influence: tuple[float, ...] = ()


def reference(data: Dataset, split: Split) -> Reference | None:
    """The reference of a split.

    Of sequences of integers: independent symbols with the frequencies of training (`order_zero`). Of other integers:
    all levels alike, ``D ln L`` nats whatever the examples. Of reals: independent normal distributions with the mean
    and variance that each coordinate has in training, as scored on the split; none where a coordinate does not vary,
    since its density has no bound, nor where examples have lengths of their own.
    """
    spec = data.spec
    if order_zero.knows(spec.space):
        nats = order_zero.nats(spec.space, data.train, split)
        each = rate(spec.space, split, nats)
        told = None if each is None else f"{decimals(each.value)} {each.unit}"
        return Reference(nats.mean().item(), ORDER_ZERO, told, influence(nats))
    if spec.space.ragged:
        return None
    if spec.levels is not None:
        return Reference(spec.dim * math.log(spec.levels), f"noise in which all {spec.levels} levels are alike")
    mean, variance = _moments(data.train.x)
    if not (variance > 0).all() or not variance.isfinite().all():
        return None
    total = sum(((part.double() - mean).square() / variance).sum().item() for part in split.x.split(AT_ONCE))
    constant = 0.5 * (spec.dim * math.log(2 * math.pi) + variance.log().sum().item())
    return Reference(constant + 0.5 * total / len(split), "independent normal distributions fitted in one pass")


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each coordinate, float64."""
    mean = torch.stack([part.double().sum(0) for part in x.split(AT_ONCE)]).sum(0) / len(x)
    squares = torch.stack([(part.double() - mean).square().sum(0) for part in x.split(AT_ONCE)]).sum(0)
    return mean, squares / len(x)


def judged(record: Record, data: Dataset, split: Split) -> Record:
    """An ``nll`` with a warning, if it is worse than the `reference`."""
    known = reference(data, split)
    if known is None or record.value - SIGMAS * _error(record, known) <= known.nats:
        return record
    number = known.rate or f"{decimals(known.nats, 2)} nats"
    return replace(record, warning=f"{record.metric} is worse than {known.name}, which has {number}")


def _error(record: Record, known: Reference) -> float:
    """Standard error of how much worse a record is: of the same examples that of their own differences."""
    mine, others = record.influence or (), known.influence
    if len(mine) > 1 and len(mine) == len(others):
        return math.dist(mine, others)
    return record.standard_error or 0.0
