"""Precision, recall, density, coverage: how two sets of features overlap, by balls round their points.

A set's support is the union of balls round its points ``a_i`` with radius ``r_k(a_i)``, the distance to the k-th
nearest other point of the set. With real ``x_1 ... x_N`` and generated ``y_1 ... y_M``,

    precision = 1/M sum_j [y_j in some ball of a real point]
    recall    = 1/N sum_i [x_i in some ball of a generated point]
    density   = 1/(k M) sum_j (number of real points' balls that hold y_j)
    coverage  = 1/N sum_i [the ball of x_i holds some generated point]

"Improved Precision and Recall Metric for Assessing Generative Models", T. Kynkaanniemi, T. Karras, S. Laine,
J. Lehtinen, T. Aila, 2019, https://arxiv.org/abs/1904.06991; "Reliable Fidelity and Diversity Metrics for Generative
Models", M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo, 2020, https://arxiv.org/abs/2002.09797

Each is a mean over the points of one set, but the balls are as random as these points are: the standard error is that
of subsampling both sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, subsampled
from genlab.ops.distances import chunks, squared_distances

SHARE, RESAMPLES = 1 / 3, 30
"""Of a set that a part of it has, and parts: their pairs of points are a ninth as many."""


def precision(real: Tensor, generated: Tensor, *, k: int, seed: int = 0) -> Estimate:
    """Share of ``generated: (M, D)`` within the support of ``real: (N, D)``: fidelity; ``seed``: of the error."""
    return _with_error(
        lambda x, y: (balls_around(y, x, squared_radii(x, k)) > 0).double().mean(), real, generated, k=k, seed=seed
    )


def recall(real: Tensor, generated: Tensor, *, k: int, seed: int = 0) -> Estimate:
    """Share of ``real`` within the support of ``generated``: variety."""
    return precision(generated, real, k=k, seed=seed)


def density(real: Tensor, generated: Tensor, *, k: int, seed: int = 0) -> Estimate:
    """Balls of ``real`` that hold a generated point, over k: about 1 for a perfect model, and not bounded by 1."""
    return _with_error(
        lambda x, y: balls_around(y, x, squared_radii(x, k)).double().mean() / k, real, generated, k=k, seed=seed
    )


def coverage(real: Tensor, generated: Tensor, *, k: int, seed: int = 0) -> Estimate:
    """Share of ``real`` whose ball holds a generated point; about ``1 - 2^-k`` for a perfect model and N = M."""
    return _with_error(
        lambda x, y: (nearest_squared(x, y) <= squared_radii(x, k)).double().mean(), real, generated, k=k, seed=seed
    )


def _with_error(
    share: Callable[[Tensor, Tensor], Tensor], real: Tensor, generated: Tensor, *, k: int, seed: int
) -> Estimate:
    """The statistic of two sets, its error by subsampling.

    Raises:
        ValueError: no more than k points on a side.
    """
    n = min(len(real), len(generated))
    part = max(SHARE, (k + 1) / n)  # a ball needs its neighbours
    if part > 1 / 2:
        # too few to be cut: with chance itself as their error, that of a share of one half
        return Estimate(share(real, generated).item(), 0.5 / math.sqrt(n))
    return subsampled(
        lambda i, j: share(real[i], generated[j]).item(),
        (len(real), len(generated)),
        share=part,
        resamples=RESAMPLES,
        seed=seed,
    )


def squared_radii(x: Tensor, k: int) -> Tensor:
    """``r_k^2`` of each of ``x: (n, D)``, ``(n,) float64``.

    Raises:
        ValueError: no more than k points.
    """
    if len(x) <= k:
        raise ValueError(f"the {k}-th neighbour needs at least {k + 1} examples, got {len(x)}")
    # each point is the nearest to itself: one more
    return torch.cat([square.kthvalue(k + 1).values for square in _squares(x, x)])


def balls_around(x: Tensor, centres: Tensor, squares: Tensor) -> Tensor:
    """How many balls of radius ``squares ** 0.5`` round ``centres: (N, D)`` hold each of ``x: (M, D)``: ``(M,)``."""
    return torch.cat([(square <= squares).sum(1) for square in _squares(x, centres)])


def nearest_squared(x: Tensor, others: Tensor) -> Tensor:
    """Squared distance from each of ``x`` to the nearest of ``others``, ``(n,) float64``."""
    return torch.cat([square.amin(1) for square in _squares(x, others)])


def _squares(x: Tensor, others: Tensor):
    x, others = x.double(), others.double()
    middle = others.mean(0)
    others = others - middle
    for piece in (x - middle).split(chunks(len(others))):
        yield squared_distances(piece, others)
