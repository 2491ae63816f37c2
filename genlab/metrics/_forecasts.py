"""What the scores of forecasts share: what is foreseen, once for all of them, and persistence beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.data.spaces import Video
from genlab.data.subset import subset
from genlab.evaluation.artefacts.foresight import curves
from genlab.evaluation.ensembles import Forecasts, ahead, foreseen
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate, ratio
from genlab.metrics.subject import Subject, record
from genlab.models.conditions import condition

MOST = 256
"""Examples of the split, at most, where the metric does not say how many."""

BASELINE = "_persistence"

Terms = tuple[Tensor, Tensor]
"""What is added up over examples, and what the sum is divided by: ``(N, F)`` each."""


class Scored(NamedTuple):
    """A score of forecasts.

    Attributes:
        records: over all frames and of the last one, of the model and of persistence.
        along: the score at each frame, ``(F,)``, of both.
    """

    records: list[Record]
    along: Mapping[str, Tensor]


def forecasts(subject: Subject, n: int | None, members: int) -> Forecasts:
    """What the model foresees after ``n`` examples of the split, drawn by the seed; None: all, up to `MOST`."""

    def compute() -> Forecasts:
        space, model = subject.data.spec.space, subject.loaded.model
        assert isinstance(space, Video)
        chosen = subset(subject.split, MOST if n is None else n, seed=subject.seed)
        past = condition(model, chosen)
        assert past is not None
        told = foreseen(model, past, members=members, seed=subject.seed, progress=subject.bar("forecasts"))
        return Forecasts(space, past, chosen.x, told)

    return subject.once(("forecasts", n, members), compute)


def scores(
    subject: Subject,
    found: Forecasts,
    name: str,
    of: Callable[[Tensor], Terms],
    *,
    unit: str,
    method: str,
) -> Scored:
    """A score over all frames and of the last one, of the model and of persistence.

    Args:
        subject: what is scored.
        found: the forecasts.
        name: of the score.
        of: members ``(M, N, F, C, H, W)`` on the data's scale to the terms of a ratio.
        unit: of the score.
        method: how it was computed.
    """
    each = {"": of(found.members), BASELINE: of(found.persistence)}
    along = {key: total.double().sum(0) / count.double().sum(0) for key, (total, count) in each.items()}
    frames, records = found.truth.shape[1], []
    for which, at in (("", slice(None)), ("_last", slice(frames - 1, None))):
        for baseline, (total, count) in each.items():
            value, error, _ = ratio(total[:, at].sum(1), count[:, at].sum(1))
            when = ahead(found.space, frames - 1) if which else f"all {frames} frames"
            about = f"{when}; {'the last known frame' if baseline else method}; examples taken for independent"
            entry = record(
                subject,
                f"{name}{which}{baseline}",
                value if error is None else Estimate(value, error),
                unit=unit,
                n=len(total),
                kind="exact",
                method=about,
                of_samples=False,
            )
            records.append(entry)
    return Scored(records, along)


def drawn(subject: Subject, found: Forecasts, name: str, unit: str, along: Mapping[str, Mapping[str, Tensor]]) -> None:
    """The picture of a score against time; ``along`` has it by title of the panel."""
    shown = {title: {key or "model": value for key, value in each.items()} for title, each in along.items()}
    subject.picture(name, curves(found.space, shown, unit=unit))


def told(found: Forecasts, what: str) -> str:
    """What the model's forecasts are, for a record."""
    m = len(found.members)
    return "the model's one forecast" if m == 1 else what.format(f"{m} members")


def plain(total: Tensor) -> Terms:
    """A mean over examples as a ratio: ``(N, F)``."""
    return total, torch.ones_like(total)
