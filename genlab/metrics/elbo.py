"""``metric=elbo``: the bound that is trained, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation import likelihood
from genlab.evaluation.record import Record
from genlab.metrics._likelihood import settings
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.models.capabilities import LikelihoodBound


class ELBO(Metric):
    """Evidence lower bound in nats per example, with its terms (reconstruction, KL)."""

    needs = (LikelihoodBound,)
    better = "higher"
    shared = True

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        yield likelihood.elbo(subject.model, subject.split, **settings(subject, "elbo"))
