"""Divergences between a known density p and a model q in the plane: on a grid where q is known, else from samples.

    KL(p || q) = int p log(p / q)            reverse KL: KL(q || p)
    JS(p, q)   = KL(p || m) / 2 + KL(q || m) / 2,   m = (p + q) / 2;   between 0 and log 2
    TV(p, q)   = int |p - q| / 2;   between 0 and 1

On a grid the integrals are midpoint sums over the cells of a box that holds p. What q has outside it adds to TV and JS
what is disjoint from p adds; KL(p || q) has no part there. The reverse KL does, where log q / p is largest: it needs a
box that holds q, or else it is the mean of log q / p over samples of q. A q with more than 1 in the box (its cells are
too wide for it, or its density is importance sampling's) is divided by that.

From samples ``x_1 ... x_n`` of q its density is estimated by the distance ``r_k(x)`` to the k-th nearest,

    log q(x) ~ psi(k) - log n - log pi - 2 log r_k(x),

whose mean is unbiased in the limit: "Divergence Estimation for Multidimensional Densities Via k-Nearest-Neighbor
Distances", Q. Wang, S. R. Kulkarni, S. Verdu, 2009, https://doi.org/10.1109/TIT.2009.2016060

The terms of the means share their neighbours, so that their standard error is that of a jackknife which leaves out
groups of both samples and looks for the neighbours among the others. It says nothing of the bias: of k neighbours a
density is smoothed, and TV and JS, which noise only adds to, are not 0 of p itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.evaluation import estimate
from genlab.evaluation.estimate import Estimate

LEFT_OUT = 1e-5
"""Mass of the one density where the other is 0 that counts as an artefact of its truncation; more is infinitely far."""

LEAST = 1e-12
"""Distances are not taken for less: a sample that stands twice has not an infinite density."""


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


GROUPS = 40
"""Of the jackknife."""


class Samples(NamedTuple):
    """What is known of p and q at samples of both.

    Attributes:
        p_at_p, q_at_p: ``(n,)`` log-densities at samples of p; that of q is estimated.
        p_at_q, q_at_q: ``(m,)`` the same at samples of q.
        without: the same without one group of both, the density of q told from its others.
    """

    p_at_p: Tensor
    q_at_p: Tensor
    p_at_q: Tensor
    q_at_q: Tensor
    without: tuple[Samples, ...] = ()


def by_neighbours(
    log_p: Callable[[Tensor], Tensor], of_p: Tensor, of_q: Tensor, *, k: int, groups: int = GROUPS
) -> Samples:
    """`Samples` of a known p and of a q of which there are only samples.

    Args:
        log_p: ``(n, 2) -> (n,)`` nats.
        of_p: ``(n, 2)`` samples of p.
        of_q: ``(m, 2)`` samples of q.
        k: neighbours; a point of ``of_q`` is not its own neighbour.
        groups: that are left out for the error; 0 where it is not asked for, or 2k samples of either at least.

    Raises:
        ValueError: no more than k samples of q.
    """
    from sklearn.neighbors import NearestNeighbors

    if len(of_q) <= k:
        raise ValueError(f"the {k}-th neighbour needs at least {k + 1} samples, got {len(of_q)}")
    points = of_q.double().numpy()
    # some neighbours more, for those that are left out with a group; the samples are in no order, nor are the groups
    more = min(len(of_q) - 1, 2 * k + 10)
    search = NearestNeighbors(n_neighbors=more + 1, algorithm="kd_tree").fit(points)
    to_p = _Found(*map(torch.from_numpy, search.kneighbors(of_p.double().numpy(), n_neighbors=more)))
    # the first is the sample itself, or one that stands where it does
    to_q = _Found(*(torch.from_numpy(each[:, 1:]) for each in search.kneighbors(points)))
    p_at_p, p_at_q = log_p(of_p), log_p(of_q)
    of_group, in_group = (torch.arange(len(x)) % max(groups, 1) for x in (of_p, of_q))

    def log_q(found: _Found, count: int, out: Tensor | None = None) -> Tensor:
        digamma = torch.special.digamma(torch.tensor(float(k), dtype=torch.float64))
        distance = found.kth(k, out).clamp_min(LEAST)
        return digamma - math.log(count) - math.log(math.pi) - 2 * distance.log()

    def without(group: int) -> Samples:
        p, q = of_group != group, in_group != group
        count = int(q.sum())
        at_p, at_q = _Found(to_p.distance[p], to_p.position[p]), _Found(to_q.distance[q], to_q.position[q])
        return Samples(p_at_p[p], log_q(at_p, count, ~q), p_at_q[q], log_q(at_q, count - 1, ~q))

    whole = Samples(p_at_p, log_q(to_p, len(of_q)), p_at_q, log_q(to_q, len(of_q) - 1))
    # of fewer there is no error: a group would leave no neighbours, or be empty
    enough = min(len(of_p), len(of_q)) >= max(groups, 2 * k + 2)
    return whole._replace(without=tuple(without(group) for group in range(groups if enough else 0)))


class _Found(NamedTuple):
    """Neighbours of n points, the nearest first.

    Attributes:
        distance: ``(n, K)``.
        position: ``(n, K)``, where they stand.
    """

    distance: Tensor
    position: Tensor

    def kth(self, k: int, out: Tensor | None) -> Tensor:
        """Distance to the k-th that is not ``out``; to the last that was found, where they are fewer: ``(n,)``."""
        if out is None:
            return self.distance[:, k - 1]
        left = (~out[self.position]).cumsum(1)
        place = (left < k).sum(1).clamp_max(left.shape[1] - 1)
        return self.distance.gather(1, place[:, None])[:, 0]


def sampled_kl(samples: Samples) -> Estimate:
    """``E_p[log p - log q]``."""
    return _jackknifed(lambda s: _mean(s.p_at_p - s.q_at_p), samples)


def sampled_reverse_kl(samples: Samples) -> Estimate:
    """``E_q[log q - log p]``; infinite where p is 0 at more than `LEFT_OUT` of the samples."""
    outside = samples.p_at_q == -math.inf
    if outside.double().mean().item() > LEFT_OUT:
        return Estimate(math.inf, 0.0)
    return _jackknifed(lambda s: _mean((s.q_at_q - s.p_at_q)[s.p_at_q > -math.inf]), samples)


def monte_carlo_reverse_kl(log_p: Tensor, log_q: Tensor) -> Estimate:
    """``E_q[log q - log p]`` of densities that are known at ``(n,)`` samples of q; infinite as `sampled_reverse_kl`."""
    outside = log_p == -math.inf
    if outside.double().mean().item() > LEFT_OUT:
        return Estimate(math.inf, 0.0)
    return estimate.mean((log_q - log_p)[~outside])


def sampled_js(samples: Samples) -> Estimate:
    """``(E_p[log p / m] + E_q[log q / m]) / 2``."""

    def js(s: Samples) -> float:
        pairs = ((s.p_at_p, s.q_at_p), (s.q_at_q, s.p_at_q))
        return sum(_mean(own - torch.logaddexp(own, other) + math.log(2)) for own, other in pairs) / 2

    return _jackknifed(js, samples)


def sampled_tv(samples: Samples) -> Estimate:
    """``(E_p |p - q| / (p + q) + E_q |p - q| / (p + q)) / 2``, which is ``int |p - q| / 2``."""

    def tv(s: Samples) -> float:
        pairs = ((s.p_at_p, s.q_at_p), (s.p_at_q, s.q_at_q))
        return sum(_mean(((log_p - log_q) / 2).tanh().abs()) for log_p, log_q in pairs) / 2  # |p - q| / (p + q)

    return _jackknifed(tv, samples)


def _mean(values: Tensor) -> float:
    return values.double().mean().item()


def _jackknifed(statistic: Callable[[Samples], float], samples: Samples) -> Estimate:
    """``G - 1`` times the variance over the G samples without a group; not a number where there are none."""
    left = torch.tensor([statistic(each) for each in samples.without], dtype=torch.float64)
    error = math.sqrt((len(left) - 1) * left.var(correction=0).item()) if len(left) else math.nan
    return Estimate(statistic(samples), error)
