"""Priors that are normal, their posteriors, and what draws of a posterior must agree with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from genlab.inverse.observation import Observation, observe
from genlab.inverse.operators import Downsample, Gaussian, Identity, LinearOperator, Mask

EVENT = (1, 4, 4)

OPERATORS: dict[str, LinearOperator] = {
    "mask": Mask(EVENT, torch.arange(16).view(4, 4) % 3 == 0),
    "box": Downsample(EVENT, 2),
    "bicubic": Downsample(EVENT, 2, kernel="bicubic"),
    "gaussian": Gaussian(EVENT, 5, seed=3),
    "noise": Identity(EVENT),
}

NOISE = 0.1

SAMPLES = 39
"""So that the truth's rank among them is one of 40, as likely as the others."""


@dataclass(frozen=True)
class Normal:
    """``u ~ N(mean, covariance)``, of ``D = 16`` values in float64."""

    mean: Tensor
    covariance: Tensor

    def draw(self, n: int, *, seed: int = 0) -> Tensor:
        eps = torch.randn(n, len(self.mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return (self.mean + eps @ torch.linalg.cholesky(self.covariance).T).float().view(n, *EVENT)

    def given(self, observation: Observation) -> Posterior:
        a, y = observation.operator.matrix(), observation.y.double()
        s = a @ self.covariance @ a.T + observation.noise**2 * torch.eye(len(a), dtype=torch.float64)
        gain = torch.linalg.solve(s, a @ self.covariance).T
        return Posterior(self.mean + (y - self.mean @ a.T) @ gain.T, self.covariance - gain @ a @ self.covariance)


@dataclass(frozen=True)
class Posterior:
    """``N(mean (N, D), covariance (D, D))`` of N observations."""

    mean: Tensor
    covariance: Tensor

    @cached_property
    def std(self) -> Tensor:
        return self.covariance.diagonal().clamp_min(0).sqrt()


@dataclass(frozen=True)
class Calibration:
    """Draws ``(N, S, D)`` beside truths and the posterior that they should be of."""

    drawn: Tensor
    truth: Tensor
    posterior: Posterior

    def bias(self) -> Tensor:
        """Of the mean of all draws of all observations, in its standard errors, ``(D,)``."""
        n, s, _ = self.drawn.shape
        return (self.drawn.mean(1) - self.posterior.mean).mean(0) / (self.posterior.std / math.sqrt(n * s))

    def error(self) -> float:
        """Of each observation's mean, in its standard errors, root mean square: 1 if only chance is behind it."""
        away = (self.drawn.mean(1) - self.posterior.mean) / (self.posterior.std / math.sqrt(self.drawn.shape[1]))
        return away.square().mean().sqrt().item()

    def spread(self) -> Tensor:
        """Standard deviation of draws over that of the posterior, ``(D,)``."""
        return self.drawn.var(1).mean(0).sqrt() / self.posterior.std

    def coverage(self, share: float) -> float:
        """How often the middle ``share`` of the draws holds the truth."""
        ranks = (self.drawn < self.truth[:, None]).sum(1)
        outside = round((1 - share) / 2 * (self.drawn.shape[1] + 1))
        return ((ranks >= outside) & (ranks <= self.drawn.shape[1] - outside)).double().mean().item()

    def __str__(self) -> str:
        return (
            f"bias {self.bias().abs().max():.1f} standard errors, error {self.error():.2f}, spread "
            f"{self.spread().min():.2f} to {self.spread().max():.2f}, coverage {self.coverage(0.5):.3f} of 0.5, "
            f"{self.coverage(0.9):.3f} of 0.9"
        )


def truths(prior: Normal, operator: LinearOperator, *, n: int, seed: int = 1) -> tuple[Tensor, Observation]:
    """Draws of the prior, and what is measured of them."""
    u = prior.draw(n, seed=seed)
    return u, observe(operator, u, NOISE, generator=torch.Generator().manual_seed(seed + 1))


def calibrated(prior: Normal, operator: LinearOperator, sampler, *, n: int = 120, seed: int = 1) -> Calibration:
    """What ``sampler(observation, generator) -> (N, S, *event)`` draws of n truths from the prior."""
    u, observation = truths(prior, operator, n=n, seed=seed)
    drawn = sampler(observation, torch.Generator().manual_seed(seed + 2)).detach()
    assert drawn.shape == (n, drawn.shape[1], *EVENT)
    found = Calibration(drawn.flatten(2).double(), u.flatten(1).double(), prior.given(observation))
    print(operator.name, found)
    return found


def assert_calibrated(found: Calibration, *, errors: float = 1.1) -> None:
    """Means within three standard errors, and intervals of the right coverage."""
    assert found.bias().abs().max() < 3
    assert found.error() < errors
    assert (found.spread() - 1).abs().max() < 0.05
    assert 0.43 < found.coverage(0.5) < 0.57
    assert 0.87 < found.coverage(0.9) < 0.93
