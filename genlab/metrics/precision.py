"""``metric=precision``: see `genlab.metrics._sets`."""

from __future__ import annotations

from genlab.evaluation.statistics import manifold
from genlab.metrics._sets import Overlap
from genlab.signatures.ranges import Positive


class Precision(Overlap):
    """Share of samples within the support of the pictures of the split: fidelity.

    Args:
        k: neighbours whose distance is a ball's radius.
        n: samples; None: 2,000, or 500 of a model that samples by a chain.
    """

    overlap = staticmethod(manifold.precision)

    def __init__(self, *, k: Positive = 3, n: Positive | None = None) -> None:
        super().__init__(k=k, n=n)
