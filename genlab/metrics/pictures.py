"""``metric=pictures``: everything of the model that can be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.errors import TrainingError
from genlab.evaluation.artefacts import report
from genlab.evaluation.record import Record
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.signatures.ranges import Shown


class Pictures(Metric):
    """No number: all the pictures that the model can have, in the run's folder pictures/.

    Args:
        n: samples in a grid.
    """

    def __init__(self, *, n: Shown = 64) -> None:
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Draw; no records."""
        failed: list[str] = []
        drawn = report.pictures(
            subject.loaded.model,
            subject.data,
            seed=subject.seed,
            n=self.n,
            split=subject.split_name,
            report=failed.append,
        )
        for name, picture in drawn.items():
            subject.picture(name, picture)
        if failed:
            raise TrainingError("metric=pictures: " + "; ".join(failed))
        yield from ()
