"""``metric=js``: see `genlab.metrics._divergence`."""

from __future__ import annotations

from genlab.evaluation.statistics import divergences, lower_bounds
from genlab.metrics._divergence import Divergence


class JS(Divergence):
    """Jensen-Shannon divergence in nats between a known density and the model, 0 to log 2."""

    on_grid = staticmethod(divergences.js)
    bound = staticmethod(lower_bounds.js)
