"""The sliced Wasserstein distance: optimal transport along random lines, where it is sorting.

    SW_2(p, q)^2 = E_theta [W_2(theta . x, theta . y)^2],   theta uniform on the unit sphere
    W_2^2 of n points each = mean_i (x_(i) - y_(i))^2, both sorted

"Sliced and Radon Wasserstein Barycenters of Measures", N. Bonneel, J. Rabin, G. Peyre, H. Pfister, 2015,
https://doi.org/10.1007/s10851-014-0506-3
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate

RESAMPLES = 50


def directions(count: int, dim: int, *, seed: int) -> Tensor:
    """``(dim, count)`` unit vectors, uniform on the sphere."""
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(dim, count, generator=generator, dtype=torch.float64)
    return theta / theta.norm(dim=0)


def sliced_wasserstein(x: Tensor, y: Tensor, *, projections: int, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """``SW_2`` of samples ``x, y: (n, D)`` of the same size, in the units of the data; standard error by the bootstrap.

    Of two samples of one distribution it is not 0, but falls like ``n^(-1/2)``.

    Raises:
        ValueError: samples of different sizes.
    """
    if x.shape != y.shape:
        raise ValueError(f"as many examples on either side, got {tuple(x.shape)} and {tuple(y.shape)}")
    theta = directions(projections, x.shape[1], seed=seed)
    lines = x.double() @ theta, y.double() @ theta
    generator = torch.Generator().manual_seed(seed)

    def again(line: Tensor) -> Tensor:
        return line[torch.randint(len(line), (len(line),), generator=generator)]

    found = torch.stack([_distance(*(again(line) for line in lines)) for _ in range(resamples)])
    return Estimate(_distance(*lines).item(), found.std().item())


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """Of projections ``(n, L)``."""
    return (x.sort(0).values - y.sort(0).values).square().mean().sqrt()
