"""Toy densities of their own shape: checkerboard, pinwheel, spirals."""

from __future__ import annotations

import math
from functools import cached_property

import torch

from genlab.data.sources.densities import Density, gauss_legendre, log_gaussians, normal, uniform


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
        return torch.where(inside, x.new_tensor(-self.entropy), -math.inf)


class Pinwheel(Density):
    """Five Gaussian blades, each twisted round the origin.

    ``x = 2 R(exp(|f|) / 4 + 2 pi k / 5) f`` with ``f ~ N((1, 0), diag(0.3^2, 0.1^2))`` and k uniform. The angle depends
    on the radius alone, so the twist keeps |f|, is undone by turning back, and preserves area: the density is that of
    a mixture of five Gaussians at the untwisted point, over 4. (After M. Johnson, D. Duvenaud et al., "Composing
    graphical models with neural networks", 2016, https://arxiv.org/abs/1603.06277, whose angle depends on the first
    coordinate of f instead, which has no closed density.)
    """

    BLADES, RATE, SCALE, STD = 5, 0.25, 2.0, (0.3, 0.1)

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        f = normal(n, 2, generator)
        f = f * f.new_tensor(self.STD) + f.new_tensor((1.0, 0.0))
        k = torch.randint(self.BLADES, (n,), generator=generator, device=generator.device)
        return self.SCALE * _rotate(f, self.RATE * f.norm(dim=1).exp() + 2 * math.pi / self.BLADES * k)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        u = x / self.SCALE
        u = _rotate(u, -self.RATE * u.norm(dim=1).exp())
        std, centre = x.new_tensor(self.STD), x.new_tensor([[1.0, 0.0]])
        blades = [
            log_gaussians(_rotate(u, u.new_full((len(u),), -2 * math.pi / self.BLADES * k)), centre, std)
            for k in range(self.BLADES)
        ]
        return torch.cat(blades, 1).logsumexp(1) - math.log(self.BLADES) - 2 * math.log(self.SCALE)

    @property
    def _width(self) -> int:
        return self.BLADES


class TwoSpirals(Density):
    """Two spirals of one and a half turns, each point moved by a uniform square and a Gaussian.

    ``x = +-((-a cos a, a sin a) + U[0, 0.5]^2) / 3 + N(0, 0.1^2 I)`` with ``a = 3 pi sqrt(u)``, u uniform. Over square
    and Gaussian the integral is a product of differences of normal distribution functions; over a it is quadrature.
    """

    TURN, SCALE, SQUARE, SIGMA = 3 * math.pi, 3.0, 0.5, 0.1

    @cached_property
    def _nodes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """``(M, 2)`` points of the first arm and ``(M,)`` logarithms of ``p(a) da``, ``p(a) = 2 a / (3 pi)^2``."""
        # The speed along the curve grows like a: edges at square roots make panels of about the same length.
        a, w = gauss_legendre(self.TURN * torch.linspace(0, 1, 13, dtype=torch.float64).sqrt(), order=40)
        return self._arm(a) / self.SCALE, (w * 2 * a / self.TURN**2).log()

    @staticmethod
    def _arm(a: torch.Tensor) -> torch.Tensor:
        return torch.stack((-a * a.cos(), a * a.sin()), 1)

    def _sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        arm = self._arm(self.TURN * uniform(n, generator).sqrt())
        square = self.SQUARE * torch.rand(n, 2, generator=generator, device=generator.device, dtype=torch.float64)
        sign = 2 * torch.randint(2, (n, 1), generator=generator, device=generator.device) - 1
        return sign * (arm + square) / self.SCALE + self.SIGMA * normal(n, 2, generator)

    def _log_prob(self, x: torch.Tensor) -> torch.Tensor:
        # The Gaussian is even, so the second arm is the first one seen from -x.
        density = (self._arm_density(x) + self._arm_density(-x)) / 2
        log_prob = density.log()
        far = density < 1e-280  # where the products underflow; slower, so only there
        if far.any():
            both = torch.logaddexp(self._far_log_density(x[far]), self._far_log_density(-x[far]))
            log_prob[far] = both - math.log(2)
        return log_prob

    def _arm_density(self, x: torch.Tensor) -> torch.Tensor:
        """``sum_j w_j prod_i [Phi((d_ij + h) / s) - Phi((d_ij - h) / s)] / 2 h``.

        With d the distance from the square's centre, h half its side, s the Gaussian's standard deviation.
        """
        points, log_w = (part.to(x) for part in self._nodes)
        h, root = self.SQUARE / self.SCALE / 2, self.SIGMA * math.sqrt(2)
        density = log_w.exp().expand(len(x), -1)
        for i in range(2):
            d = (x[:, i, None] - points[:, i] - h).abs_()  # from the side where erfc does not cancel
            density = density * ((d - h) / root).erfc_().sub_(((d + h) / root).erfc_()) / (4 * h)
        return density.sum(1)

    def _far_log_density(self, x: torch.Tensor) -> torch.Tensor:
        """The same in logarithms."""
        points, log_w = (part.to(x) for part in self._nodes)
        width = self.SQUARE / self.SCALE
        d = (x[:, None] - points) / self.SIGMA
        box = _log_normal_interval(d - width / self.SIGMA, d) - math.log(width)
        return (box.sum(-1) + log_w).logsumexp(1)

    @property
    def _width(self) -> int:
        return len(self._nodes[0])


def _log_normal_interval(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """``log(Phi(b) - Phi(a))`` for a < b, also far out in either tail."""
    flip = a + b > 0  # Phi(b) - Phi(a) = Phi(-a) - Phi(-b): the side where nothing cancels
    low, high = torch.where(flip, -b, a), torch.where(flip, -a, b)
    log_high = torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(torch.special.log_ndtr(low) - log_high).exp())


def _rotate(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    c, s = angle.cos(), angle.sin()
    return torch.stack((c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]), 1)
