"""``metric=pictures``: no number, but everything of the model that can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.errors import TrainingError
from genlab.evaluation.artefacts import report
from genlab.evaluation.record import Record
from genlab.metrics.subject import Metric, Subject


def _pictures(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    model, n = subject.loaded.model, options["n"]
    failed: list[str] = []
    drawn = report.pictures(model, subject.data, seed=subject.seed, n=n, split=subject.split_name, report=failed.append)
    for name, picture in drawn.items():
        subject.picture(name, picture)
    if failed:
        raise TrainingError("metric=pictures: " + "; ".join(failed))
    return []


PICTURES = Metric(lacks=lambda loaded: None, run=_pictures)
