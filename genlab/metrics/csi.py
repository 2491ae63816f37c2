"""``metric=csi``: the critical success index of forecasts, persistence beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from genlab.evaluation.ensembles import measured, unit
from genlab.evaluation.needs import past_frames
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.verification import hits
from genlab.metrics._forecasts import Terms, drawn, forecasts, scores, told
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable
from genlab.signatures.ranges import Positive, PositiveFloat

RAIN, BRIGHTNESS = (0.5, 2.0), (0.5,)
"""Thresholds where the metric does not say which: mm/h, and parts of white."""


class CSI(Metric):
    """Forecasts of frames: critical success index, hits / (hits + misses + false alarms); persistence.

    Args:
        thresholds: from where on a pixel counts, in mm/h or as a part of white; None: 0.5 and 2 mm/h, or 0.5.
        n: examples; None: all, up to 256.
        members: draws of the ensemble whose mean is the forecast, of models that draw.
    """

    needs = (past_frames,)
    better = "higher"

    def __init__(
        self, *, thresholds: Sequence[PositiveFloat] | None = None, n: Positive | None = None, members: Positive = 10
    ) -> None:
        self.thresholds = thresholds
        self.n = n
        self.members = members

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Four numbers for each threshold, and a picture of the index against time."""
        found = forecasts(subject, self.n, self.members)
        truth, rain = measured(found.space, found.truth), found.space.measure == "rain"
        along: dict[str, Mapping[str, Tensor]] = {}
        for threshold in self.thresholds or (RAIN if rain else BRIGHTNESS):
            if not (truth >= threshold).any():
                raise Unanswerable(
                    f"metric.csi.thresholds: no pixel of the {subject.split_name} split has {threshold:g}"
                )

            def of(members: Tensor, threshold: float = threshold) -> Terms:
                return hits(found.mean(members), truth, threshold)

            title = f"CSI at {threshold:g} {unit(found.space) if rain else 'of white'}"
            name = f"csi_{threshold:g}"
            scored = scores(subject, found, name, of, unit="share", method=told(found, "mean of {}"))
            along[title] = scored.along
            yield from scored.records
        drawn(subject, found, "csi", "share", along)
