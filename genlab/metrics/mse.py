"""``metric=mse``: the squared error of forecasts, persistence beside it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from genlab.evaluation.ensembles import measured
from genlab.evaluation.needs import past_frames
from genlab.evaluation.record import Record
from genlab.metrics._forecasts import Terms, drawn, forecasts, plain, scores, told
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.signatures.ranges import Positive


class MSE(Metric):
    """Forecasts of frames: squared error of the (mean) forecast, over all frames and at the last one; persistence.

    Of pictures the sum over a frame's pixels, as the literature of moving digits has it; of rain the mean, in (mm/h)^2.

    Args:
        n: examples; None: all, up to 256.
        members: draws of the ensemble whose mean is the forecast, of models that draw.
    """

    needs = (past_frames,)
    better = "lower"

    def __init__(self, *, n: Positive | None = None, members: Positive = 10) -> None:
        self.n = n
        self.members = members

    def compute(self, subject: Subject) -> Iterator[Record]:
        """The four numbers, and a picture of the error against time."""
        found = forecasts(subject, self.n, self.members)
        truth, rain = measured(found.space, found.truth), found.space.measure == "rain"

        def of(members: Tensor) -> Terms:
            squares = (found.mean(members) - truth).square().flatten(2)
            return plain(squares.mean(2) if rain else squares.sum(2))

        unit = "(mm/h)^2" if rain else "per frame"
        scored = scores(subject, found, "mse", of, unit=unit, method=told(found, "mean of {}"))
        yield from scored.records
        drawn(subject, found, "mse", unit, {"squared error": scored.along})
