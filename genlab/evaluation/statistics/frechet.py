"""The Frechet distance between Gaussians that are fitted to two sets of features.

    d^2 = |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1^(1/2) S_2 S_1^(1/2))^(1/2))

"GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", M. Heusel, H. Ramsauer,
T. Unterthiner, B. Nessler, S. Hochreiter, 2017, https://arxiv.org/abs/1706.08500 (where the features are Inception's:
FID); "The Frechet distance between multivariate normal distributions", D. C. Dowson, B. V. Landau, 1982,
https://doi.org/10.1016/0047-259X(82)90077-X

The trace of the root is a sum of roots of eigenvalues of a symmetric matrix: two symmetric eigensolves in float64 and
no matrix square root, whose general algorithm gives complex numbers where a covariance is singular.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, jackknifed

GROUPS = 20
"""Of the jackknife, for features of a hundred dimensions or so; of two thousand each distance takes two seconds."""


class Moments(NamedTuple):
    """Of features: ``mean: (D,)``, ``covariance: (D, D)``, both float64."""

    mean: Tensor
    covariance: Tensor


def moments(x: Tensor) -> Moments:
    """Mean and unbiased covariance of ``x: (n, D)``."""
    x = x.double()
    mean = x.mean(0)
    centred = x - mean
    return Moments(mean, centred.T @ centred / (len(x) - 1))


def distance(a: Moments, b: Moments) -> float:
    """``d^2``; 0 for equal moments, up to roundings of ``1e-8`` times the largest variance."""
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    product = root @ b.covariance @ root
    cross = torch.linalg.eigvalsh((product + product.T) / 2).clamp_min(0).sqrt().sum()
    spread = a.covariance.trace() + b.covariance.trace() - 2 * cross
    return max(0.0, ((a.mean - b.mean).square().sum() + spread).item())


def frechet(x: Tensor, y: Tensor, *, groups: int = GROUPS, seed: int = 0) -> Estimate:
    """``d^2`` of features ``x: (n, D)`` and ``y: (m, D)``, its standard error by the jackknife over groups of both.

    Biased upwards by about ``D^2 / n``-th parts of a variance: compare at equal n only. The bootstrap, which repeats
    examples, makes the covariances of many dimensions worse, and its error three times too large.

    Raises:
        ValueError: no more examples than dimensions, of which no covariance can be told.
    """
    least = x.shape[1] + 1
    if min(len(x), len(y)) < least:
        raise ValueError(f"{x.shape[1]} features need at least {least} examples, got {len(x)} and {len(y)}")
    return jackknifed(
        lambda of_x, of_y: distance(moments(x[of_x]), moments(y[of_y])), (len(x), len(y)), groups=groups, seed=seed
    )
