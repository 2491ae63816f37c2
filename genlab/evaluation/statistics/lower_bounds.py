"""How far a known density p in the plane is from a model q of which there are only samples: at least so far.

Samples cannot tell that q is near p, since between them it may do as it likes; what is far they can show. With any
density g the four divergences have lower bounds whose expectations over p and q samples estimate without bias, and
which are the divergences themselves where g = q:

    TV(p, q)   >= P(A) - Q(A),   A = {p > g}
    JS(p, q)   >= log 2 + E_p[log D] / 2 + E_q[log(1 - D)] / 2,   D = p / (p + g)
    KL(q || p) >= E_q[log g - log p],   the entropy of q being at most its cross-entropy with g
    KL(p || q) >= E_p[T] - log E_q[e^T],   T = min(log p / g, c)                    (Donsker and Varadhan)

So g is fitted to one half of q's samples and the means are taken over the other, and the other way round. It is a
`Mixture` of kernels of many widths, and its misfit makes the bounds lower and never wrong. The standard errors are
those of the means; that another g would give another bound is no part of them.

What q leaves out has T as large as g is small there, and no sample of q tells how much it has: less than a few in m.
The cut c makes up for this. It is where ``e^c = m P(T > c) / UNSEEN``, and to the m samples one more is added at c,
as if it had been drawn. The bound of KL grows like ``P log m`` then, where the truth may be anything above.

"Asymptotic evaluation of certain Markov process expectations for large time, IV", M. D. Donsker, S. R. S. Varadhan,
1983, https://doi.org/10.1002/cpa.3160360204; "f-GAN: Training Generative Neural Samplers using Variational Divergence
Minimization", S. Nowozin, B. Cseke, R. Tomioka, 2016, https://arxiv.org/abs/1606.00709
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.evaluation.statistics import estimate
from genlab.evaluation.statistics.divergences import LEFT_OUT
from genlab.evaluation.statistics.estimate import Estimate
from genlab.ops.distances import chunks, squared_distances

WIDTHS = 8
"""Of the kernels: half the spread of p's samples, a quarter, ..."""

LEAST = 100
"""Samples on either side, below which there is nothing to fit g to."""

UNSEEN = 3.0
"""Samples in one place that may well be missed."""

STEPS = 100
"""Of expectation maximisation for the weights, whose likelihood is concave."""


class Mixture:
    """``g(x) = w_0 t(x) + sum_j w_j 1/n sum_i N(x; x_i, h_j^2 I)``, the weights by the leave-one-out likelihood.

    Kernels of several widths fit narrow modes and what lies between them at once. The first term, a bivariate t with
    two degrees of freedom about the points' median, holds what is far from all others.

    Args:
        points: ``(n, 2)`` samples of q.
        spread: the widths are half of it, a quarter, ...
    """

    def __init__(self, points: Tensor, *, spread: float) -> None:
        self.points = points.double()
        self.widths = [spread / 2**j for j in range(1, WIDTHS + 1)]
        self.middle = self.points.median(0).values
        self.scale = max((self.points - self.middle).norm(dim=1).median().item(), self.widths[-1])
        alone = self._parts(self.points, left_out=True)
        self.weights = torch.full((WIDTHS + 1,), 1 / (WIDTHS + 1), dtype=torch.float64)
        for _ in range(STEPS):
            share = alone * self.weights
            self.weights = (share / share.sum(1, keepdim=True)).mean(0)

    def log_prob(self, x: Tensor) -> Tensor:
        """``(m, 2) -> (m,)`` nats."""
        return (self._parts(x.double(), left_out=False) @ self.weights).log()

    def _parts(self, x: Tensor, *, left_out: bool) -> Tensor:
        """``(m, 1 + WIDTHS)`` densities of the terms; ``left_out``: x are the points, and none counts for itself."""
        count = len(self.points) - left_out
        found = torch.empty(len(x), WIDTHS + 1, dtype=torch.float64)
        far = (x - self.middle).square().sum(1) / self.scale**2
        found[:, 0] = (1 + far / 2) ** -2 / (2 * math.pi * self.scale**2)
        own, points = x.float(), self.points.float()
        for rows in torch.arange(len(x)).split(chunks(len(points))):
            kernel = squared_distances(own[rows], points).mul_(-0.5 / self.widths[0] ** 2).exp_()
            for j, width in enumerate(self.widths):
                if j:  # a kernel of half the width is the fourth power
                    kernel = kernel.square_().square_()
                found[rows, j + 1] = (kernel.sum(1).double() - int(left_out)) / (count * 2 * math.pi * width**2)
        return found.clamp_min_(0)


class Fold(NamedTuple):
    """Log-densities in nats, g fitted to the samples of q that are not in it.

    Attributes:
        p_at_p, g_at_p: ``(n,)``, at samples of p.
        p_at_q, g_at_q: ``(m,)``, at samples of q.
    """

    p_at_p: Tensor
    g_at_p: Tensor
    p_at_q: Tensor
    g_at_q: Tensor


def folds(log_p: Callable[[Tensor], Tensor], of_p: Tensor, of_q: Tensor) -> tuple[Fold, Fold]:
    """Both halves.

    Args:
        log_p: ``(n, 2) -> (n,)`` nats.
        of_p: ``(n, 2)`` samples of p.
        of_q: ``(m, 2)`` samples of q, in no order.

    Raises:
        ValueError: fewer than `LEAST` of either.
    """
    if min(len(of_p), len(of_q)) < LEAST:
        raise ValueError(f"at least {LEAST} samples on either side, got {len(of_p)} and {len(of_q)}")
    spread = of_p.double().std(0).norm().item() / math.sqrt(2)
    first, second = of_q.tensor_split(2)
    here, there = of_p.tensor_split(2)

    def fold(fitted: Tensor, at_p: Tensor, at_q: Tensor) -> Fold:
        g = Mixture(fitted, spread=spread)
        return Fold(log_p(at_p), g.log_prob(at_p), log_p(at_q), g.log_prob(at_q))

    return fold(first, here, second), fold(second, there, first)


def tv(both: tuple[Fold, Fold]) -> Estimate:
    """Of the total variation distance."""

    def bound(fold: Fold) -> Estimate:
        return _difference(fold.p_at_p > fold.g_at_p, fold.p_at_q > fold.g_at_q)

    return _least(both, bound)


def js(both: tuple[Fold, Fold]) -> Estimate:
    """Of the Jensen-Shannon divergence in nats."""

    def bound(fold: Fold) -> Estimate:
        log_d = fold.p_at_p - torch.logaddexp(fold.p_at_p, fold.g_at_p)
        log_not = fold.g_at_q - torch.logaddexp(fold.p_at_q, fold.g_at_q)
        value, error = _difference(log_d / 2, -log_not / 2)
        return Estimate(value + math.log(2), error)

    return _least(both, bound)


def reverse_kl(both: tuple[Fold, Fold]) -> Estimate:
    """Of ``KL(q || p)`` in nats; infinite where p is 0 at more than `LEFT_OUT` of the samples of q."""
    outside = missed(both)
    if outside > LEFT_OUT:
        return Estimate(math.inf, 0.0)

    def bound(fold: Fold) -> Estimate:
        return estimate.mean((fold.g_at_q - fold.p_at_q)[fold.p_at_q > -math.inf])

    return _least(both, bound)


def missed(both: tuple[Fold, Fold]) -> float:
    """Share of the samples of q where p is 0."""
    return torch.cat([fold.p_at_q == -math.inf for fold in both]).double().mean().item()


def kl(both: tuple[Fold, Fold]) -> Estimate:
    """Of ``KL(p || q)`` in nats."""

    def bound(fold: Fold) -> Estimate:
        at_p, at_q = fold.p_at_p - fold.g_at_p, fold.p_at_q - fold.g_at_q
        cut = _cut(at_p, len(at_q))
        mean = estimate.mean(at_p.clamp_max(cut))
        drawn = torch.cat([at_q.clamp_max(cut), torch.tensor([cut], dtype=torch.float64)]).exp()
        total = estimate.mean(drawn)
        return Estimate(
            mean.value - math.log(total.value), math.hypot(mean.standard_error, total.standard_error / total.value)
        )

    return _least(both, bound)


def _cut(ratio: Tensor, m: int) -> float:
    """The c where ``e^c = m P(T > c) / UNSEEN``, for ``(n,)`` values of T under p: of both sides one falls with c."""
    ordered = ratio.sort().values
    above = torch.arange(len(ordered), 0, -1, dtype=torch.float64) / len(ordered)  # P(T >= the i-th)
    level = (above * m / UNSEEN).log()
    return torch.minimum(ordered, level).max().item()


def _difference(at_p: Tensor, at_q: Tensor) -> Estimate:
    """``E_p[a] - E_q[b]``."""
    p, q = estimate.mean(at_p), estimate.mean(at_q)
    return Estimate(p.value - q.value, math.hypot(p.standard_error, q.standard_error))


def _least(both: tuple[Fold, Fold], bound: Callable[[Fold], Estimate]) -> Estimate:
    """The mean of both folds, each a lower bound of its own; 0 if that says more."""
    first, second = (bound(fold) for fold in both)
    value = (first.value + second.value) / 2
    return Estimate(max(0.0, value), math.hypot(first.standard_error, second.standard_error) / 2)
