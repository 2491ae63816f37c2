"""Divergences between a known density p and a model q in the plane whose density is known: integrals on a grid.

    KL(p || q) = int p log(p / q)            reverse KL: KL(q || p)
    JS(p, q)   = KL(p || m) / 2 + KL(q || m) / 2,   m = (p + q) / 2;   between 0 and log 2
    TV(p, q)   = int |p - q| / 2;   between 0 and 1

On a grid the integrals are midpoint sums over the cells of a box that holds p. What q has outside it adds to TV and JS
what is disjoint from p adds; KL(p || q) has no part there. The reverse KL does, where log q / p is largest: it needs a
box that holds q, or else it is the mean of log q / p over samples of q. A q with more than 1 in the box (its cells are
too wide for it, or its density is importance sampling's) is divided by that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.evaluation.statistics import estimate
from genlab.evaluation.statistics.estimate import Estimate

LEFT_OUT = 1e-5
"""Mass of the one density where the other is 0 that counts as an artefact of its truncation; more is infinitely far."""


class Grid(NamedTuple):
    """Two log-densities at the centres of the cells of a box.

    Attributes:
        log_p, log_q: ``(R, R) float64`` nats.
        area: of a cell.
    """

    log_p: Tensor
    log_q: Tensor
    area: float

    @property
    def mass(self) -> float:
        """Of q, within the box; 1 where the box holds it and the cells are fine enough."""
        return self.log_q.exp().sum().item() * self.area

    @property
    def at_most_one(self) -> Grid:
        """With a q whose mass is at most 1."""
        return self._replace(log_q=self.log_q - math.log(max(1.0, self.mass)))

    @property
    def coarser(self) -> list[Grid]:
        """The four grids of every other cell in each direction."""
        parts = ((i, j) for i in range(2) for j in range(2))
        return [Grid(self.log_p[i::2, j::2], self.log_q[i::2, j::2], 4 * self.area) for i, j in parts]

    @property
    def swapped(self) -> Grid:
        """With p in place of q."""
        return self._replace(log_p=self.log_q, log_q=self.log_p)

    @property
    def missed(self) -> float:
        """Mass of p where q is 0: with more than `LEFT_OUT` of it ``KL(p || q)`` is infinite."""
        return self.log_p[self.log_q == -math.inf].exp().sum().item() * self.area


def kl(grid: Grid) -> float:
    """``KL(p || q)`` in nats; infinite where q is 0 and p is not, but for `LEFT_OUT` of p's mass."""
    return _kl(grid.log_p, grid.log_q, grid.area)


def reverse_kl(grid: Grid) -> float:
    """``KL(q || p)`` in nats, of a q that the box holds."""
    return _kl(grid.log_q, grid.log_p, grid.area)


def js(grid: Grid) -> float:
    """Jensen-Shannon divergence in nats."""
    log_m = torch.logaddexp(grid.log_p, grid.log_q) - math.log(2)
    inside = (_kl(grid.log_p, log_m, grid.area) + _kl(grid.log_q, log_m, grid.area)) / 2
    return inside + max(0.0, 1 - grid.mass) / 2 * math.log(2)


def tv(grid: Grid) -> float:
    """Total variation distance."""
    inside = (grid.log_p.exp() - grid.log_q.exp()).abs().sum().item() * grid.area
    return (inside + max(0.0, 1 - grid.mass)) / 2


def _kl(log_p: Tensor, log_q: Tensor, area: float) -> float:
    p = log_p.exp()
    missing = (p > 0) & (log_q == -math.inf)
    if p[missing].sum().item() * area > LEFT_OUT:
        return math.inf
    terms = torch.where((p > 0) & ~missing, p * (log_p - log_q), 0.0)
    return terms.sum().item() * area


def with_grid_error(divergence: Callable[[Grid], float], grid: Grid) -> Estimate:
    """The divergence, and how far that of the four coarser grids is from it: the error of the finer one is smaller."""
    value = divergence(grid)
    if math.isinf(value):
        return Estimate(value, 0.0)
    return Estimate(value, max(abs(divergence(coarse) - value) for coarse in grid.coarser))


def monte_carlo_reverse_kl(log_p: Tensor, log_q: Tensor) -> Estimate:
    """``E_q[log q - log p]``, both known at ``(n,)`` samples of q; infinite if p is 0 at over `LEFT_OUT` of them."""
    outside = log_p == -math.inf
    if outside.double().mean().item() > LEFT_OUT:
        return Estimate(math.inf, 0.0)
    return estimate.mean((log_q - log_p)[~outside])
