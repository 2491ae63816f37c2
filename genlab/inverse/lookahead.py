"""What measurements say of a value before all the values that they see are there, by a Gaussian in the model's place.

Particles that are drawn value by value from ``p(u_i | u_<i)`` learn what was measured when it is too late: of 64
hardly one agrees. So each value is drawn from ``p(u_i | u_<i) r_i(u_i)``, with

    r_i(u_i) = g(u_i | u_<i, y) / g(u_i | u_<i)

under a Gaussian g with mean and covariance of the model's own draws. The product of all r is ``g(y | u) / g(y)``, the
likelihood but for a constant, and before the end it is ``g(y | u_<=i) / g(y)``: what the values so far let expect of
the measurements. Particles are weighed by what is left, ``sum_v p(v | u_<i) r_i(v)``; were the model the Gaussian, all
would weigh the same. Whatever g is, the weights make up for it.

"Twisted particle filters", N. Whiteley, A. Lee, 2014, https://doi.org/10.1214/13-AOS1167
"A well-conditioned estimator for large-dimensional covariance matrices", O. Ledoit, M. Wolf, 2004,
https://doi.org/10.1016/S0047-259X(03)00096-4
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.inverse.observation import Observation, to_unit
from genlab.models.capabilities import Autoregressive
from genlab.models.codable import Codable

DRAWS = 256
"""Of the model, whose mean and covariance the Gaussian has."""

LARGEST = 4096
"""Values of an example up to which a covariance is kept."""


def fits(model: Autoregressive) -> bool:
    """Whether the model tells the distribution of each value, and its examples are small enough for a covariance."""
    return isinstance(model, Codable) and model.spec.levels is not None and model.spec.dim <= LARGEST


@dataclass
class _InTurn:
    """A Gaussian, one value after the other: ``N(mean, L L^T)``.

    Attributes:
        mean: ``(N, D)``, of each particle.
        factor: L, ``(D, D)``.
        eps: ``(N, D)``, ``L^-1 (u - mean)`` as far as u is known.
    """

    mean: Tensor
    factor: Tensor
    eps: Tensor

    @classmethod
    def begin(cls, mean: Tensor, covariance: Tensor) -> _InTurn:
        return cls(mean, torch.linalg.cholesky(covariance), torch.zeros_like(mean))

    def expects(self, i: int) -> tuple[Tensor, Tensor]:
        """Mean ``(N,)`` and standard deviation of value i, given those before it."""
        return self.mean[:, i] + self.eps[:, :i] @ self.factor[i, :i], self.factor[i, i]

    def log_prob(self, i: int, u: Tensor) -> Tensor:
        """Nats of value i at ``u (N, ...)``, given those before it."""
        mean, std = self.expects(i)
        z = (u - mean.view(-1, *[1] * (u.dim() - 1))) / std
        return -0.5 * z.square() - std.log() - 0.5 * math.log(2 * math.pi)

    def tell(self, i: int, u: Tensor) -> None:
        """Value i is ``u (N,)``."""
        mean, std = self.expects(i)
        self.eps[:, i] = (u - mean) / std


class Lookahead:
    """A Gaussian like the model, without and with the measurements of each particle.

    Attributes:
        order: ``(D,) int64``, where the values lie that are drawn one after the other.
        levels: ``(L,) float64``, the values there are, on the unit scale.

    Args:
        model: that `fits`.
        observation: of each of N particles.
        c: the condition of each.
        generator: of the model's draws.
    """

    def __init__(
        self, model: Autoregressive, observation: Observation, c: Tensor | None, generator: torch.Generator | None
    ) -> None:
        assert isinstance(model, Codable)
        assert model.spec.levels is not None
        spec, levels, device = model.spec, model.spec.levels, observation.y.device
        step = 1 / max(1, levels - 1)
        places = torch.arange(spec.dim, device=device).view(1, *spec.event_shape)
        self.order = model.values(places)[0]
        self.levels = torch.arange(levels, device=device, dtype=torch.float64) * step
        some = None if c is None else c[torch.arange(DRAWS, device=c.device) * len(c) // DRAWS]
        draws = to_unit(model.sample(DRAWS, some, generator=generator), spec).flatten(1)[:, self.order].double()
        mean, least = draws.mean(0), (step / 4) ** 2 * torch.eye(spec.dim, dtype=torch.float64, device=device)
        covariance = _covariance(draws) + least
        a = observation.operator.matrix().to(device)[:, self.order]
        noise = max(observation.noise, step / 4)
        seen = a @ covariance @ a.T + noise**2 * torch.eye(len(a), dtype=torch.float64, device=device)
        gain = torch.linalg.solve(seen, a @ covariance).T
        told = mean + (observation.y.double() - a @ mean) @ gain.T
        self.without = _InTurn.begin(mean.expand(len(told), -1), covariance)
        self.given = _InTurn.begin(told, _symmetric(covariance - gain @ a @ covariance) + least)

    def ratio(self, i: int) -> Tensor:
        """``log r_i`` of each level, ``(N, L)``."""
        u = self.levels.expand(len(self.given.mean), -1)
        return self.given.log_prob(i, u) - self.without.log_prob(i, u)

    def tell(self, i: int, level: Tensor) -> Tensor:
        """Value i of each particle is ``level (N,) int64``; ``log g(u_i | u_<i)``, ``(N,)``."""
        u = self.levels[level]
        said = self.without.log_prob(i, u)
        self.without.tell(i, u)
        self.given.tell(i, u)
        return said

    def choose(self, index: Tensor) -> None:
        """Go on with particles ``index (N,)``, which are of the same examples."""
        for each in (self.without, self.given):
            each.eps = each.eps[index]


def _symmetric(a: Tensor) -> Tensor:
    return (a + a.T) / 2


def _covariance(draws: Tensor) -> Tensor:
    """``(D, D)`` of ``(n, D)``, drawn towards a multiple of the identity as far as its errors reach."""
    from sklearn.covariance import ledoit_wolf  # a second of imports

    return torch.from_numpy(ledoit_wolf(draws.cpu().numpy())[0]).to(draws)
