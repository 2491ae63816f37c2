"""``metric=translation``: how near translations are to the truth, or how many keep their class, with baselines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from genlab.data.spaces import Dataset
from genlab.evaluation.record import Record, check_number
from genlab.evaluation.translators import records
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable
from genlab.models.translating import Translator


class Translation(Metric):
    """Translators: L1, PSNR and SSIM against the targets of pairs, or the share that keeps its class; baselines."""

    needs = (Translator,)

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Records of the translator and of its baselines."""
        model = subject.loaded.model
        assert isinstance(model, Translator)
        found = records(model, subject.data, split=subject.split_name, seed=subject.seed)
        if not found:
            raise Unanswerable(
                "metric=translation: these domains have neither pairs nor labels to judge translations by"
            )
        yield from found

    @classmethod
    def at_end(cls, model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
        """``translation``: its records on the test split."""
        if not isinstance(model, Translator):
            return {}
        scores = records(model, data, split="test", seed=seed)
        for score in scores:
            check_number(score.metric, score.value)
        return {"translation": {score.metric: score.to_dict() for score in scores}}
