"""``metric=tv``: see `genlab.metrics._divergence`."""

from __future__ import annotations

from genlab.evaluation.statistics import divergences, lower_bounds
from genlab.metrics._divergence import Divergence


class TV(Divergence):
    """Total variation distance between a known density and the model, 0 to 1."""

    on_grid = staticmethod(divergences.tv)
    bound = staticmethod(lower_bounds.tv)
