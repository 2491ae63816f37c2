"""``metric=kid``: see `genlab.metrics._inception`."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.metrics._inception import OfInception, inception
from genlab.metrics._sets import kernel_record
from genlab.metrics.subject import Subject, number_of_samples
from genlab.signatures.ranges import Positive, Text


class KID(OfInception):
    """Unbiased squared MMD, cubic kernel, in Inception's features (extra fidelity and its weights).

    Args:
        n: samples, and pictures of the split.
        weights: the file of Inception's weights; None: where PyTorch keeps downloads.
    """

    better = "lower"

    def __init__(self, *, n: Positive | None = 2000, weights: Text | None = None) -> None:
        super().__init__(n=n, weights=weights)

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        extractor, _ = inception(subject, self.weights)
        yield kernel_record(subject, extractor, number_of_samples(subject, self.n), metric="kid")
