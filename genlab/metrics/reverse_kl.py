"""``metric=reverse_kl``: see `genlab.metrics._divergence`."""

from __future__ import annotations

from genlab.evaluation.statistics import divergences, lower_bounds
from genlab.metrics._divergence import Divergence


class ReverseKL(Divergence):
    """KL(q || p) in nats between a known density and the model: what the model makes up."""

    on_grid = staticmethod(divergences.reverse_kl)
    bound = staticmethod(lower_bounds.reverse_kl)
