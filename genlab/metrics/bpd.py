"""``metric=bpd``: likelihood in bits per dimension."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation import likelihood
from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._likelihood import nll
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.signatures.ranges import Positive


class BPD(Metric):
    """Bits per dimension: nll / (D ln 2), on integer data only; of sequences bits or nats per unit.

    Sequences are divided by what they consist of: characters of text, tokens that are no text, samples of sound, frames
    of a piano roll (in nats). Examples may have lengths of their own: the sum over the split is divided by their sum.

    Args:
        num_particles: importance samples per example of a bound; None: as metric.nll, or 500.
    """

    needs = (_needs.integers, _needs.likelihood)
    better = "lower"
    shared = True

    def __init__(self, *, num_particles: Positive | None = None) -> None:
        self.num_particles = num_particles

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        yield likelihood.bpd(nll(subject, self.num_particles), subject.model)
