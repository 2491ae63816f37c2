"""Densities in the plane that are known exactly: each can be sampled, evaluated and has its entropy stated.

A `Density` promises ``sample(n, generator=g) -> (n, 2) float32``, ``log_prob(x) -> (n,) float64`` nats, ``entropy``
in nats (the least possible test negative log-likelihood) and ``bounds`` for pictures. Coordinates are raw, never
standardised.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG_2PI = math.log(2 * math.pi)
CHUNK = 1 << 17  # elements of the largest temporary of a chunk: 1 MiB in float64 stays in the cache of a core

Bounds = tuple[float, float, float, float]
Curve = Callable[[torch.Tensor], torch.Tensor]  # (...,) -> (..., 2)


class Density(ABC):
    """A density on the plane.

    Attributes:
        entropy: differential entropy, nats.
        bounds: ``(xmin, xmax, ymin, ymax)`` of a picture of it.
    """

    def __init__(self, *, entropy: float, bounds: Bounds) -> None:
        self.entropy = entropy
        self.bounds = bounds

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """``(n, 2)`` float32 on the device of `generator`, which is the only source of randomness."""
        return self._sample(n, generator).to(torch.float32)

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        """Natural logarithm of the density.

        Args:
            x: ``(n, 2)`` of any floating type.

        Returns:
            ``(n,)`` float64, nats; ``-inf`` outside the support.
        """
        x = x.detach().to(torch.float64)
        step = max(1, CHUNK // self._width)
        return torch.cat([self._log_prob(part) for part in x.split(step)]) if len(x) else x.new_empty(0)

    @abstractmethod
    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """``(n, 2)`` float64."""

    @abstractmethod
    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        """``x: (n, 2)`` float64 -> ``(n,)`` float64, for one chunk."""

    @property
    def _width(self) -> int:
        """Elements of the largest temporary per point."""
        return 1


class GaussianMixture(Density):
    """Equal parts of isotropic Gaussians: ``p(x) = 1/K sum_k N(x; mu_k, sigma^2 I)``."""

    def __init__(self, centres: Sequence[tuple[float, float]], sigma: float, *, entropy: float, bounds: Bounds) -> None:
        super().__init__(entropy=entropy, bounds=bounds)
        self.centres = torch.tensor(centres, dtype=torch.float64)
        self.sigma = sigma

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        k = torch.randint(len(self.centres), (n,), generator=generator, device=generator.device)
        return self.centres.to(generator.device)[k] + self.sigma * normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        return log_gaussians(x, self.centres.to(x), x.new_full((2,), self.sigma)).logsumexp(1) - math.log(
            len(self.centres)
        )

    @property
    def _width(self) -> int:
        return len(self.centres)


class NoisyCurves(Density):
    """Curves ``c_k(t)``, t uniform on an interval T, blurred.

    ``p(x) = 1/K sum_k int_T N(x; c_k(t), diag sigma^2) dt / |T|``.

    The integral is composite Gauss-Legendre quadrature with panels shorter than about two sigma, exact to more digits
    than float64 keeps of the entropy.
    """

    def __init__(
        self,
        curves: Sequence[Curve],
        interval: tuple[float, float],
        sigma: tuple[float, float],
        *,
        panels: int,
        entropy: float,
        bounds: Bounds,
    ) -> None:
        super().__init__(entropy=entropy, bounds=bounds)
        self.curves = curves
        self.interval = interval
        self.sigma = torch.tensor(sigma, dtype=torch.float64)
        self.panels = panels

    @cached_property
    def _nodes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """``(M, 2)`` points on the curves and ``(M,)`` logarithms of their weights, which sum to 1."""
        t, w = gauss_legendre(torch.linspace(*self.interval, self.panels + 1, dtype=torch.float64))
        points = torch.cat([curve(t) for curve in self.curves])
        log_w = (w / w.sum()).log().repeat(len(self.curves)) - math.log(len(self.curves))
        return points, log_w

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        low, high = self.interval
        t = low + (high - low) * uniform(n, generator)
        k = torch.randint(len(self.curves), (n,), generator=generator, device=generator.device)
        points = torch.stack([curve(t) for curve in self.curves])[k, torch.arange(n, device=k.device)]
        return points + self.sigma.to(points) * normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        points, log_w = self._nodes
        return (log_gaussians(x, points.to(x), self.sigma.to(x)) + log_w.to(x)).logsumexp(1)

    @property
    def _width(self) -> int:
        return len(self._nodes[0])


class NoisyRings(Density):
    """Equal parts of circles of radius R_k about the origin, blurred by an isotropic Gaussian.

    Over the angle the integral is closed:
    ``p(x) = 1/K sum_k exp(-(r - R_k)^2 / 2 s^2) i0e(r R_k / s^2) / 2 pi s^2``,
    with ``r = |x|`` and ``i0e(z) = exp(-z) I_0(z)`` the scaled modified Bessel function.
    """

    def __init__(self, radii: Sequence[float], sigma: float, *, entropy: float, bounds: Bounds) -> None:
        super().__init__(entropy=entropy, bounds=bounds)
        self.radii = torch.tensor(radii, dtype=torch.float64)
        self.sigma = sigma

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        angle = 2 * math.pi * uniform(n, generator)
        k = torch.randint(len(self.radii), (n,), generator=generator, device=generator.device)
        circle = torch.stack((angle.cos(), angle.sin()), 1) * self.radii.to(angle)[k, None]
        return circle + self.sigma * normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        r, radii, variance = x.norm(dim=1)[:, None], self.radii.to(x), self.sigma**2
        terms = -((r - radii) ** 2) / (2 * variance) + torch.special.i0e(r * radii / variance).log()
        return terms.logsumexp(1) - math.log(len(self.radii)) - LOG_2PI - math.log(variance)

    @property
    def _width(self) -> int:
        return len(self.radii)


def gauss_legendre(edge: torch.Tensor, order: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Nodes and weights ``(panels * order,)`` float64 of composite Gauss-Legendre quadrature.

    Args:
        edge: ``(panels + 1,)`` float64, ascending: where the panels begin and end.
        order: nodes per panel.
    """
    node, weight = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(order))
    half = (edge[1:] - edge[:-1])[:, None] / 2
    return (edge[:-1, None] + half * (node + 1)).flatten(), (half * weight).flatten()


def log_gaussians(x: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """``log N(x_i; mean_k, diag std^2)``: x (n, 2), mean (K, 2), std (2,) -> (n, K)."""
    # One axis after the other: summing over a last axis of two is several times slower.
    z0, z1 = ((x[:, i, None] - mean[:, i]) / std[i] for i in range(2))
    return z0.square_().add_(z1.square_()).mul_(-0.5).sub_(std.log().sum() + LOG_2PI)


def normal(n: int, d: int, generator: torch.Generator) -> torch.Tensor:
    """``(n, d)`` float64 of a standard normal."""
    return torch.randn(n, d, generator=generator, device=generator.device, dtype=torch.float64)


def uniform(n: int, generator: torch.Generator) -> torch.Tensor:
    """``(n,)`` float64, uniform on [0, 1)."""
    return torch.rand(n, generator=generator, device=generator.device, dtype=torch.float64)
