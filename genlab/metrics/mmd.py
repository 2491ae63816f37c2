"""``metric=mmd``: samples of vectors and data, compared by a kernel."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.evaluation.statistics.kernels import gaussian, median_distance, mmd
from genlab.metrics import _needs
from genlab.metrics._vectors import both_sides
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, record
from genlab.models.capabilities import GenerativeModel
from genlab.signatures.ranges import Positive


class MMD(Metric):
    """Unbiased squared MMD of vectors, Gaussian kernel, to the split.

    Args:
        n: samples.
    """

    needs = (_needs.vectors, GenerativeModel)
    better = "lower"

    def __init__(self, *, n: Positive | None = 2000) -> None:
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        drawn, real = both_sides(subject, self.n, "mmd")
        bandwidth = median_distance(real)
        estimate = mmd(drawn, real, gaussian(bandwidth))
        method = (
            f"mmd: unbiased, Gaussian kernel, bandwidth {bandwidth:.4g}, the median distance of the split's examples"
        )
        yield record(subject, "mmd", estimate, unit="squared MMD", n=len(real), method=method)
