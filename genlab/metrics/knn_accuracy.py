"""``metric=knn_accuracy``: what the neighbours of an encoder's codes tell."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from genlab.evaluation.record import Record
from genlab.evaluation.statistics.classify import Labelled, nearest_neighbours
from genlab.metrics import _needs
from genlab.metrics._representation import records
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, at_least
from genlab.models.capabilities import EncodesLatents
from genlab.signatures.ranges import Positive


class KNNAccuracy(Metric):
    """Accuracy of the nearest neighbours' vote on the codes; beside it raw pixels and probabilistic PCA.

    Args:
        k: neighbours that vote.
        max_train: training examples at most.
    """

    needs = (EncodesLatents, _needs.labels, _needs.not_given_the_label)
    better = "higher"

    def __init__(self, *, k: Positive = 5, max_train: Positive = 10000) -> None:
        self.k = k
        self.max_train = max_train

    def compute(self, subject: Subject) -> Iterator[Record]:
        """A record of the codes, and one of each baseline."""
        k, have = self.k, min(self.max_train, len(subject.data.train))
        at_least(k, have, metric="knn_accuracy", what="training examples", why=f"k={k}")

        def classify(train: Labelled, features: Tensor) -> tuple[Tensor, str]:
            return nearest_neighbours(train, features, k=k), f"{k} nearest neighbours by"

        yield from records(subject, "knn_accuracy", self.max_train, classify)
