"""``metric=translation``: how near translations are to the truth, or how many keep their class, with baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.evaluation.record import Record
from genlab.evaluation.translators import records
from genlab.metrics.subject import Metric, Subject, Unanswerable
from genlab.models.capabilities import Translator
from genlab.restore import Loaded


def _translation(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    model = subject.loaded.model
    assert isinstance(model, Translator)
    found = records(model, subject.data, split=subject.split_name, seed=subject.seed)
    if not found:
        raise Unanswerable("metric=translation: these domains have neither pairs nor labels to judge translations by")
    return found


def _no_translator(loaded: Loaded) -> str | None:
    return None if isinstance(loaded.model, Translator) else "a model that translates pictures"


TRANSLATION = Metric(lacks=_no_translator, run=_translation)
