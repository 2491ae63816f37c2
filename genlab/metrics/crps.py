"""``metric=crps``: the continuous ranked probability score of forecasts, persistence beside it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.evaluation.ensembles import measured, unit
from genlab.evaluation.needs import past_frames
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.verification import crps
from genlab.metrics._forecasts import Terms, drawn, forecasts, plain, scores, told
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.signatures.ranges import Positive


class CRPS(Metric):
    """Forecasts of frames: continuous ranked probability score of the ensemble, mean over pixels; persistence.

    Of a single forecast, as persistence is one, it is the mean absolute error.

    Args:
        n: examples; None: all, up to 256.
        members: draws of the ensemble, of models that draw.
    """

    needs = (past_frames,)
    better = "lower"

    def __init__(self, *, n: Positive | None = None, members: Positive = 10) -> None:
        self.n = n
        self.members = members

    def compute(self, subject: Subject) -> Iterator[Record]:
        """The four numbers, and a picture of the score against time."""
        found = forecasts(subject, self.n, self.members)
        space, each_unit = found.space, unit(found.space)

        def of(members: Tensor) -> Terms:
            rows = zip(members.unbind(1), found.truth, strict=True)  # one example at a time: memory
            score = [crps(measured(space, some), measured(space, one)).flatten(1).mean(1) for some, one in rows]
            return plain(torch.stack(score))

        scored = scores(subject, found, "crps", of, unit=each_unit, method=told(found, "{} as they are"))
        yield from scored.records
        drawn(subject, found, "crps", each_unit, {"CRPS": scored.along})
