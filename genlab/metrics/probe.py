"""``metric=probe``: what a linear classifier reads from an encoder's codes."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from genlab.evaluation.record import Record
from genlab.evaluation.statistics.classify import Labelled, Linear
from genlab.metrics import _needs
from genlab.metrics._representation import records
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.models.capabilities import EncodesLatents
from genlab.signatures.ranges import Positive


class Probe(Metric):
    """Linear probe: accuracy of logistic regression on the codes; beside it raw pixels and probabilistic PCA.

    Args:
        max_train: training examples at most.
    """

    needs = (EncodesLatents, _needs.labels, _needs.not_given_the_label)
    better = "higher"

    def __init__(self, *, max_train: Positive = 10000) -> None:
        self.max_train = max_train

    def compute(self, subject: Subject) -> Iterator[Record]:
        """A record of the codes, and one of each baseline."""

        def classify(train: Labelled, features: Tensor) -> tuple[Tensor, str]:
            model = Linear(train)
            unfinished = "" if model.converged else ", stopped before it converged,"
            return model.predict(features), f"logistic regression{unfinished} on standardised"

        yield from records(subject, "probe", self.max_train, classify)
