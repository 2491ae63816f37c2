"""``metric=recall``: see `genlab.metrics._sets`."""

from __future__ import annotations

from genlab.evaluation.statistics import manifold
from genlab.metrics._sets import Overlap
from genlab.signatures.ranges import Positive


class Recall(Overlap):
    """Share of the split's pictures within the support of the samples: variety.

    Args:
        k: neighbours whose distance is a ball's radius.
        n: samples; None: 2,000, or 500 of a model that samples by a chain.
    """

    overlap = staticmethod(manifold.recall)

    def __init__(self, *, k: Positive = 3, n: Positive | None = None) -> None:
        super().__init__(k=k, n=n)
