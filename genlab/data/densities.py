"""Densities in the plane that are known exactly: each can be sampled, evaluated and has its entropy stated.

A `Density` promises ``sample(n, generator=g) -> (n, 2) float32``, ``log_prob(x) -> (n,) float64`` nats, ``entropy``
in nats (the least possible test negative log-likelihood) and ``bounds`` for pictures. Coordinates are raw, never
standardised.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOG_2PI = math.log(2 * math.pi)
CHUNK = 1 << 21  # elements of the largest temporary of a chunk: 16 MiB in float64


class Density(ABC):
    """A density on the plane.

    Attributes:
        entropy: differential entropy, nats.
        bounds: ``(xmin, xmax, ymin, ymax)`` of a picture of it.
    """

    def __init__(self, *, entropy: float, bounds: tuple[float, float, float, float]) -> None:
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

    def __init__(
        self, centres: Sequence[tuple[float, float]], sigma: float, *, entropy: float, bounds: tuple[float, ...]
    ) -> None:
        super().__init__(entropy=entropy, bounds=bounds)
        self.centres = torch.tensor(centres, dtype=torch.float64)
        self.sigma = sigma

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        k = torch.randint(len(self.centres), (n,), generator=generator, device=generator.device)
        return self.centres.to(generator.device)[k] + self.sigma * _normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        return _log_gaussians(x, self.centres.to(x), x.new_full((2,), self.sigma)).logsumexp(1) - math.log(
            len(self.centres)
        )

    @property
    def _width(self) -> int:
        return 2 * len(self.centres)


class NoisyCurves(Density):
    """Curves ``c_k(t)``, t uniform on an interval, blurred: ``p(x) = 1/K sum_k int N(x; c_k(t), diag sigma^2) dt / |T|``.

    The integral is composite Gauss-Legendre quadrature with panels shorter than about two sigma, exact to more digits
    than float64 keeps of the entropy.
    """

    def __init__(
        self,
        curves: Sequence[Callable[[torch.Tensor], torch.Tensor]],
        interval: tuple[float, float],
        sigma: tuple[float, float],
        *,
        panels: int,
        entropy: float,
        bounds: tuple[float, ...],
    ) -> None:
        super().__init__(entropy=entropy, bounds=bounds)
        self.curves = curves
        self.interval = interval
        self.sigma = torch.tensor(sigma, dtype=torch.float64)
        self.panels = panels

    @cached_property
    def _nodes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """``(M, 2)`` points on the curves and ``(M,)`` logarithms of their weights, which sum to 1."""
        t, w = gauss_legendre(*self.interval, self.panels)
        points = torch.cat([curve(t) for curve in self.curves])
        log_w = (w / w.sum()).log().repeat(len(self.curves)) - math.log(len(self.curves))
        return points, log_w

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        low, high = self.interval
        t = low + (high - low) * _uniform(n, generator)
        k = torch.randint(len(self.curves), (n,), generator=generator, device=generator.device)
        points = torch.stack([curve(t) for curve in self.curves])[k, torch.arange(n, device=k.device)]
        return points + self.sigma.to(points) * _normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        points, log_w = self._nodes
        return (_log_gaussians(x, points.to(x), self.sigma.to(x)) + log_w.to(x)).logsumexp(1)

    @property
    def _width(self) -> int:
        return 2 * len(self._nodes[0])


class NoisyRings(Density):
    """Equal parts of circles of radius R_k about the origin, blurred by an isotropic Gaussian.

    Over the angle the integral is closed: ``p(x) = 1/K sum_k exp(-(r - R_k)^2 / 2 s^2) i0e(r R_k / s^2) / 2 pi s^2``, with
    ``r = |x|`` and ``i0e(z) = exp(-z) I_0(z)`` the scaled modified Bessel function.
    """

    def __init__(self, radii: Sequence[float], sigma: float, *, entropy: float, bounds: tuple[float, ...]) -> None:
        super().__init__(entropy=entropy, bounds=bounds)
        self.radii = torch.tensor(radii, dtype=torch.float64)
        self.sigma = sigma

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        angle = 2 * math.pi * _uniform(n, generator)
        k = torch.randint(len(self.radii), (n,), generator=generator, device=generator.device)
        circle = torch.stack((angle.cos(), angle.sin()), 1) * self.radii.to(angle)[k, None]
        return circle + self.sigma * _normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        r, radii, variance = x.norm(dim=1)[:, None], self.radii.to(x), self.sigma**2
        terms = -((r - radii) ** 2) / (2 * variance) + torch.special.i0e(r * radii / variance).log()
        return terms.logsumexp(1) - math.log(len(self.radii)) - LOG_2PI - math.log(variance)

    @property
    def _width(self) -> int:
        return 2 * len(self.radii)


class Checkerboard(Density):
    """Uniform on every other square of side 2 in [-4, 4]^2: those with ``floor(x/2) + floor(y/2)`` even; area 32."""

    def __init__(self) -> None:
        super().__init__(entropy=math.log(32), bounds=(-4.5, 4.5, -4.5, 4.5))

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        # On centres of a grid of 2^-19, which float32 holds exactly: no point is rounded over an edge.
        u = (torch.randint(1 << 20, (n, 2), generator=generator, device=generator.device).double() + 0.5) / (1 << 20)
        column = torch.randint(4, (n,), generator=generator, device=generator.device)
        row = 2 * torch.randint(2, (n,), generator=generator, device=generator.device) + column % 2
        return 2 * (torch.stack((column, row), 1) - 2 + u)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        cell = (x / 2).floor()
        inside = ((cell >= -2) & (cell < 2)).all(1) & (cell.sum(1) % 2 == 0)
        return torch.where(inside, -self.entropy, -math.inf).to(x)


class Pinwheel(Density):
    """Five Gaussian blades, each twisted round the origin.

    ``x = 2 R(rate exp(|f|) + 2 pi k / 5) f`` with ``f ~ N((1, 0), diag(0.3^2, 0.1^2))`` and k uniform. The angle depends
    on the radius alone, so the twist keeps |f|, is undone by turning back, and preserves area: the density is that of
    a mixture of five Gaussians at the untwisted point, over 4. (After M. Johnson, D. Duvenaud et al., "Composing
    graphical models with neural networks", 2016, https://arxiv.org/abs/1603.06277, whose angle depends on the first
    coordinate of f instead, which has no closed density.)
    """

    BLADES, RATE, SCALE, STD = 5, 0.25, 2.0, (0.3, 0.1)

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        f = _normal(n, 2, generator)
        f = f * f.new_tensor(self.STD) + f.new_tensor((1.0, 0.0))
        k = torch.randint(self.BLADES, (n,), generator=generator, device=generator.device)
        return self.SCALE * _rotate(f, self.RATE * f.norm(dim=1).exp() + 2 * math.pi / self.BLADES * k)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        u = x / self.SCALE
        u = _rotate(u, -self.RATE * u.norm(dim=1).exp())
        std, centre = x.new_tensor(self.STD), x.new_tensor([[1.0, 0.0]])
        blades = [
            _log_gaussians(_rotate(u, u.new_full((len(u),), -2 * math.pi / self.BLADES * k)), centre, std)
            for k in range(self.BLADES)
        ]
        return torch.cat(blades, 1).logsumexp(1) - math.log(self.BLADES) - 2 * math.log(self.SCALE)

    @property
    def _width(self) -> int:
        return 4 * self.BLADES


class TwoSpirals(Density):
    """Two spirals of one and a half turns, each point moved by a uniform square and a Gaussian.

    ``x = +-((-a cos a, a sin a) + U[0, 0.5]^2) / 3 + N(0, 0.1^2 I)`` with ``a = 3 pi sqrt(u)``, u uniform. Over square and
    Gaussian the integral is a product of differences of normal distribution functions; over a it is quadrature.
    """

    TURN, SCALE, SQUARE, SIGMA = 3 * math.pi, 3.0, 0.5, 0.1

    @cached_property
    def _nodes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """``(M, 2)`` points of the first arm and ``(M,)`` logarithms of ``p(a) da``, ``p(a) = 2 a / (3 pi)^2``."""
        a, w = gauss_legendre(0.0, self.TURN, 64)
        return self._arm(a) / self.SCALE, (w * 2 * a / self.TURN**2).log()

    @staticmethod
    def _arm(a: torch.Tensor) -> torch.Tensor:
        return torch.stack((-a * a.cos(), a * a.sin()), 1)

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        arm = self._arm(self.TURN * _uniform(n, generator).sqrt())
        square = self.SQUARE * torch.rand(n, 2, generator=generator, device=generator.device, dtype=torch.float64)
        sign = 2 * torch.randint(2, (n, 1), generator=generator, device=generator.device) - 1
        return sign * (arm + square) / self.SCALE + self.SIGMA * _normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        points, log_w = (part.to(x) for part in self._nodes)
        width = self.SQUARE / self.SCALE
        arms = []
        for y in (x, -x):  # the Gaussian is even, so the second arm is the first one seen from -x
            d = (y[:, None] - points) / self.SIGMA
            box = _log_normal_interval(d - width / self.SIGMA, d) - math.log(width)
            arms.append((box.sum(-1) + log_w).logsumexp(1))
        return torch.logaddexp(*arms) - math.log(2)

    @property
    def _width(self) -> int:
        return 2 * len(self._nodes[0])


def gauss_legendre(low: float, high: float, panels: int, order: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Nodes and weights ``(panels * order,)`` float64 of composite Gauss-Legendre quadrature on [low, high]."""
    node, weight = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(order))
    edge = torch.linspace(low, high, panels + 1, dtype=torch.float64)
    half = (edge[1:] - edge[:-1])[:, None] / 2
    return (edge[:-1, None] + half * (node + 1)).flatten(), (half * weight).flatten()


def _log_gaussians(x: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """``log N(x_i; mean_k, diag std^2)``: x (n, 2), mean (K, 2), std (2,) -> (n, K)."""
    z = (x[:, None] - mean) / std
    return -0.5 * (z * z).sum(-1) - std.log().sum() - LOG_2PI


def _log_normal_interval(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """``log(Phi(b) - Phi(a))`` for a < b, also far out in either tail."""
    flip = a + b > 0  # Phi(b) - Phi(a) = Phi(-a) - Phi(-b): the side where nothing cancels
    low, high = torch.where(flip, -b, a), torch.where(flip, -a, b)
    log_high = torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(torch.special.log_ndtr(low) - log_high).exp())


def _rotate(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    c, s = angle.cos(), angle.sin()
    return torch.stack((c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]), 1)


def _normal(n: int, d: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(n, d, generator=generator, device=generator.device, dtype=torch.float64)


def _uniform(n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(n, generator=generator, device=generator.device, dtype=torch.float64)
