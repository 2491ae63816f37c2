"""``metric=fid``: see `genlab.metrics._inception`."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.metrics._inception import OfInception, inception
from genlab.metrics._sets import frechet_record
from genlab.metrics.subject import Subject, number_of_samples
from genlab.signatures.ranges import Positive, Text

GROUPS = 5
"""Of the jackknife: a distance of 2,048 features takes seconds, and 16 are computed."""


class FID(OfInception):
    """Frechet distance to the split in Inception's features (extra fidelity and its weights).

    Args:
        n: samples, at least 2,049; published figures use 50,000; a CPU does some ten a second.
        weights: the file of Inception's weights; None: where PyTorch keeps downloads.
    """

    better = "lower"

    def __init__(self, *, n: Positive | None = 10000, weights: Text | None = None) -> None:
        super().__init__(n=n, weights=weights)

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        extractor, _ = inception(subject, self.weights)
        n = number_of_samples(subject, self.n)
        yield frechet_record(subject, extractor, n, metric="fid", groups=GROUPS, beside=False)
