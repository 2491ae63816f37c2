"""``metric=pictures``: no number, but everything of the model that can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.commands.metrics.common import Metric, Subject
from genlab.evaluation import report
from genlab.evaluation.record import Record


def _pictures(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    model, n = subject.loaded.model, options["n"]
    for name, picture in report.pictures(model, subject.data, seed=subject.seed, n=n, split=subject.split_name).items():
        subject.picture(name, picture)
    return []


PICTURES = Metric(lacks=lambda loaded: None, run=_pictures)
