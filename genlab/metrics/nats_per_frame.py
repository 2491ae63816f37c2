"""``metric=nats_per_frame``: likelihood of sequences of vectors in nats per frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from genlab.errors import ConfigError
from genlab.evaluation import stepwise
from genlab.evaluation.contexts import Given
from genlab.evaluation.rates import of_counts
from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._likelihood import nll
from genlab.metrics._sequences import nats_of
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.models.capabilities import Sequential
from genlab.signatures.ranges import NonNegative


class NatsPerFrame(Metric):
    """Nats per frame of a piano roll and the like: nats of the split over its frames.

    Args:
        given: frames at the beginning of each example that are given and not scored: 1 in "An Empirical Evaluation of
            Generic Convolutional and Recurrent Networks for Sequence Modeling", S. Bai, J. Z. Kolter, V. Koltun, 2018,
            https://arxiv.org/abs/1803.01271.
    """

    needs = (_needs.frames, _needs.likelihood)
    better = "lower"
    shared = True

    def __init__(self, *, given: NonNegative = 0) -> None:
        self.given = given

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        record = nll(subject)
        if not self.given:
            yield record.rated("nats_per_frame")
            return
        if not isinstance(subject.model, Sequential):
            who = type(subject.model).__name__
            raise ConfigError(f"metric.nats_per_frame.given={self.given}: {who} scores frames together; give 0")
        given = Given.steps(subject.split, self.given)
        counts = stepwise.weighed(subject.data.spec.space, given)
        if not counts.sum():
            raise ConfigError(f"metric.nats_per_frame.given={self.given}: no example has more frames; give less")
        rate = of_counts(nats_of(subject, given, ("given", self.given)), counts, "nats/frame", bits=False)
        method = f"the first {self.given} of each example given, not scored"
        yield replace(record, rate=rate, method=method, warning=None).rated("nats_per_frame")
