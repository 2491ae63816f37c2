"""``metric=kernel_distance``: see `genlab.metrics._sets`."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._features import of_classifier
from genlab.metrics._sets import kernel_record
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, number_of_samples
from genlab.models.capabilities import GenerativeModel
from genlab.signatures.ranges import Positive


class KernelDistance(Metric):
    """Unbiased squared MMD, cubic kernel, in the features of a classifier of the data's labels.

    Args:
        n: samples; None: 2,000, or 500 of a model that samples by a chain.
    """

    needs = (_needs.labelled_pictures, GenerativeModel)
    better = "lower"

    def __init__(self, *, n: Positive | None = None) -> None:
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        n = number_of_samples(subject, self.n)
        yield kernel_record(subject, of_classifier(subject), n, metric="kernel_distance")
