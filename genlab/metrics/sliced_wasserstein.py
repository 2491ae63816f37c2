"""``metric=sliced_wasserstein``: samples of vectors and data, compared along lines."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.evaluation.statistics.transport import sliced_wasserstein
from genlab.metrics import _needs
from genlab.metrics._vectors import both_sides
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, record, some, training_examples
from genlab.models.capabilities import GenerativeModel
from genlab.seeding import derive
from genlab.signatures.ranges import Positive


class SlicedWasserstein(Metric):
    """Sliced Wasserstein-2 distance of vectors to the split, in the units of the data.

    Args:
        projections: lines.
        n: samples; None: 10,000, or as many as the split has.
    """

    needs = (_needs.vectors, GenerativeModel)
    better = "lower"

    def __init__(self, *, projections: Positive = 128, n: Positive | None = None) -> None:
        self.projections = projections
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        drawn, real = both_sides(subject, self.n, "sliced_wasserstein")
        projections, seed = self.projections, derive(subject.seed, "projections")
        estimate = sliced_wasserstein(drawn, real, projections=projections, seed=seed)
        method = f"sliced_wasserstein: W_2 along {projections} lines"
        train = some(training_examples(subject), len(real), seed=seed)
        if len(train) == len(real):
            floor = sliced_wasserstein(train, real, projections=projections, seed=seed, resamples=2).value
            method += f"; as many training examples have {floor:.4f}"
        yield record(subject, "sliced_wasserstein", estimate, unit="units of the data", n=len(real), method=method)
