"""``metric=inception_score``: see `genlab.metrics._inception`."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.evaluation.statistics.inception_score import SPLITS, inception_score
from genlab.metrics._features import of_samples
from genlab.metrics._inception import OfInception, inception
from genlab.metrics.subject import Subject, at_least, number_of_samples, record
from genlab.signatures.ranges import Positive, Text


class InceptionScore(OfInception):
    """Confident and varied guesses of Inception (extra fidelity and its weights).

    Args:
        n: samples; published figures use 50,000.
        weights: the file of Inception's weights; None: where PyTorch keeps downloads.
    """

    better = "higher"

    def __init__(self, *, n: Positive | None = 5000, weights: Text | None = None) -> None:
        super().__init__(n=n, weights=weights)

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        n = number_of_samples(subject, self.n)
        at_least(SPLITS, n, metric="inception_score", what="samples", why=f"a mean over {SPLITS} parts")
        extractor, weight = inception(subject, self.weights)
        logits = of_samples(subject, extractor, n) @ weight.T
        method = f"inception_score: the mean over {SPLITS} parts of {n} samples"
        yield record(
            subject,
            "inception_score",
            inception_score(logits),
            unit="classes",
            n=n,
            method=method,
            extractor=extractor.name,
        )
