"""``metric=diversity``: whether samples vary as examples do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from torch import nn

from genlab.data.spaces import Dataset, Split
from genlab.evaluation.collapse import diversities
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.novelty import PAIR_DISTANCES, diversity
from genlab.metrics import _needs
from genlab.metrics._novelty import extractor_of, sides
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, record, some
from genlab.models.capabilities import GenerativeModel
from genlab.models.gan.implicit import ImplicitModel
from genlab.models.translating import Translator
from genlab.seeding import derive
from genlab.signatures.ranges import Positive


class Diversity(Metric):
    """Mean distance between samples, relative to that of the split; 0 where all are the same.

    Args:
        space: features (of a classifier, of labelled pictures), data (pixels), or auto: features if there are labels.
        n: samples; None: 2,000 pictures, or 500 of a model that samples by a chain, or 10,000 vectors.
    """

    needs = (_needs.distances, GenerativeModel)

    def __init__(self, *, space: Literal["auto", "features", "data"] = "auto", n: Positive | None = None) -> None:
        self.space = space
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        extractor = extractor_of(subject, self.space)
        both = sides(subject, self.n, "diversity", least=2)
        # at random: a split may be in the order of its classes
        drawn, real = (
            some(Split(x), PAIR_DISTANCES, seed=derive(subject.seed, "pairs", side)) for side, x in enumerate(both)
        )
        n = len(drawn)
        if extractor is not None:
            drawn, real = extractor(drawn), extractor(real)
        space = "data" if extractor is None else "features"
        yield record(
            subject,
            "diversity",
            diversity(drawn, real),
            unit="of the split's own",
            n=n,
            method=f"diversity: mean distance of two samples over that of two of {len(real)} examples, space={space}",
            extractor=None if extractor is None else extractor.name,
        )

    @classmethod
    def at_end(cls, model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
        """``diversity``: that of what a generator makes, which may have come to make one thing only."""
        if not isinstance(model, Translator | ImplicitModel):
            return {}
        return {"diversity": diversities(model, data, seed=seed)}
