"""``metric=bits_per_sample``: likelihood of sound in bits per sample."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._likelihood import nll
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject


class BitsPerSample(Metric):
    """Bits per sample of sound: bits of the split over the samples of its channels."""

    needs = (_needs.sound, _needs.likelihood)
    better = "lower"
    shared = True

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        yield nll(subject).rated("bits_per_sample")
