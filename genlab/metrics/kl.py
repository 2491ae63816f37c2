"""``metric=kl``: see `genlab.metrics._divergence`."""

from __future__ import annotations

from genlab.evaluation.statistics import divergences, lower_bounds
from genlab.metrics._divergence import Divergence


class KL(Divergence):
    """KL(p || q) in nats between a known density and the model: on a grid, or a lower bound from samples."""

    on_grid = staticmethod(divergences.kl)
    bound = staticmethod(lower_bounds.kl)
