"""Kernel density estimation: a Gaussian on every training point.

    p(x) = 1/n sum_i prod_d N(x_d; c_id, (h s_d)^2)

with points c_i, bandwidth h and scales s_d: the standard deviation of each dimension (a product kernel; Scott, 1992,
chapter 6), or 1 (the isotropic kernel). The likelihood of the training points grows without bound as h -> 0, so h is
chosen by the likelihood of held-out points.

"On Estimation of a Probability Density Function and Mode", E. Parzen, 1962, https://doi.org/10.1214/aoms/1177704472
"Multivariate Density Estimation", D. W. Scott, 1992, https://doi.org/10.1002/9780470316849
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.models.classical.base import RealDensity, flat, kept_points
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.ops.bars import Progress
from genlab.ops.distances import chunks, squared_distances
from genlab.signatures.ranges import Positive, PositiveFloat

needs = ("one set", "image | vector | waveform | video", "vector | integers")


HELD_OUT = 1000
"""Held-out points that choose the bandwidth: its optimum is flat, and they cost as much as a test split."""

STEPS = 16
"""Bandwidths tried over the whole range, and again between the best one's neighbours."""


class KDE(RealDensity):
    """Gaussian kernel density.

    Scoring m points costs about ``2 n m D`` operations: 0.16 TFLOP for 10,000 MNIST pictures and each draw of the
    dequantisation noise, so 1.6 at the end of a run (K = 10) and 78 with the K = 500 of ``genlab eval``.

    Args:
        spec: real vectors.
        bandwidth: h, or "auto": by the likelihood of held-out points.
        scaling: "std" (``s_d`` the training points' standard deviation) or "none" (``s_d = 1``).
        max_points: training points kept; "auto" is at most 10,000, and 8.4 million numbers.
    """

    name = "kde"
    mean: Tensor
    scale: Tensor
    points: Tensor
    bandwidth: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        bandwidth: float | Literal["auto"] = "auto",
        scaling: str = "std",
        max_points: int | Literal["auto"] = "auto",
    ) -> None:
        super().__init__()
        self.spec = spec
        self.asked = bandwidth
        self.scaling = scaling
        self.max_points = kept_points(max_points, dim=spec.dim)
        self.learned("mean", spec.dim)
        self.learned("scale", spec.dim)
        self.learned("points", 0, spec.dim)  # standardised: (c - mean) / s
        self.learned("bandwidth")

    def fit_points(self, x: Tensor, held_out: Tensor, *, generator: torch.Generator, progress: Progress) -> dict:
        """Keep the points and choose the bandwidth."""
        self.fill("mean", x.mean(0))
        std = x.std(0, correction=0).clamp_min(1e-6)
        self.fill("scale", std if self.scaling == "std" else torch.ones_like(std))
        self.fill("points", (x - self.mean) / self.scale)
        if self.asked != "auto":
            self.fill("bandwidth", torch.tensor(self.asked))
            return {}
        some = held_out[torch.randperm(len(held_out), generator=generator)[:HELD_OUT]]
        self.fill("bandwidth", torch.tensor(self._best_bandwidth(some, progress)))
        return {"bandwidth": self.bandwidth.item()}

    def _best_bandwidth(self, held_out: Tensor, progress: Progress) -> float:
        """A search over ``log h``, twice: coarse about Scott's rule ``n^(-1 / (D + 4))``, then between neighbours."""
        n, dim = self.points.shape
        spread = self.points.std().clamp_min(1e-6).item() * n ** (-1 / (dim + 4))
        grid = torch.linspace(math.log(spread) - 6, math.log(spread) + 2, STEPS)
        for _ in range(2):
            total = torch.zeros(STEPS, dtype=torch.float64)
            z = (held_out - self.mean) / self.scale
            pieces = z.split(chunks(n))
            for piece in progress(pieces, len(pieces)):
                square = squared_distances(piece, self.points)
                total += torch.stack([self._log_kernels(square, h).sum().double() for h in grid.exp()])
            best = int(total.argmax())
            chosen = grid[best].exp().item()
            grid = torch.linspace(grid[max(best - 1, 0)], grid[min(best + 1, STEPS - 1)], STEPS)
        return chosen

    def _log_kernels(self, square: Tensor, h: Tensor) -> Tensor:
        """``log 1/n sum_i N(z; z_i, h^2 I)`` of squared distances ``(B, n)``, less the scales' Jacobian; ``(B,)``."""
        n, dim = self.points.shape
        return (square * (-0.5 / h**2)).logsumexp(1) - math.log(n) - dim * (torch.log(h) + 0.5 * math.log(2 * math.pi))

    def _log_prob(self, x: Tensor) -> Tensor:
        """``O(n D)`` for each example."""
        z = (x - self.mean) / self.scale
        values = [
            self._log_kernels(squared_distances(piece, self.points), self.bandwidth)
            for piece in z.split(chunks(len(self.points)))
        ]
        return torch.cat(values) - self.scale.log().sum()

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """A training point each, moved by the kernel; ``(n, D) float32``."""
        device = self.points.device if generator is None else generator.device
        index = torch.randint(len(self.points), (n,), generator=generator, device=device)
        noise = torch.randn(n, self.spec.dim, generator=generator, device=device).to(self.points)
        z = self.points[index.to(self.points.device)] + self.bandwidth * noise
        return self.mean + self.scale * z


def kde(
    spec: DataSpec,
    *,
    bandwidth: PositiveFloat | Literal["auto"] = "auto",
    scaling: Literal["std", "none"] = "std",
    max_points: Positive | Literal["auto"] = "auto",
) -> KDE | DequantisedFit:
    """`KDE`: exact for vectors, a bound for pictures.

    Raises:
        ConfigError: the data does not fit.
    """
    require(kde, spec)
    density = KDE(flat(spec), bandwidth=bandwidth, scaling=scaling, max_points=max_points)
    return density if spec.levels is None else DequantisedFit(spec, density)
