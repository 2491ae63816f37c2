"""``metric=nll``: likelihood under one protocol."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._likelihood import nll
from genlab.metrics._sequences import rates
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.signatures.ranges import Positive


class NLL(Metric):
    """Negative log-likelihood in nats per example: exact, or an importance-weighted upper bound.

    Of sequences also in nats per token, sample or frame, and of text in bits per character: the sum over the split
    divided by theirs.

    Args:
        num_particles: importance samples per example of a bound; None: as metric.bpd, or 500.
    """

    needs = (_needs.likelihood,)
    better = "lower"
    shared = True

    def __init__(self, *, num_particles: Positive | None = None) -> None:
        self.num_particles = num_particles

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record; of sequences others per step, and per character."""
        yield nll(subject, self.num_particles)
        yield from rates(subject, self.num_particles)
