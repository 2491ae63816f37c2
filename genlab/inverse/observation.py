"""What is known of examples: measurements with Gaussian noise on them, ``y = A u + noise * eps``."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.inverse.linear import LinearOperator


@dataclass(frozen=True, eq=False)
class Observation:
    """Measurements of B examples.

    Attributes:
        operator: A.
        y: ``(B, M)`` real numbers, on the unit scale.
        noise: standard deviation of what is added to each of them, on the unit scale; 0: they are exact.
    """

    operator: LinearOperator
    y: Tensor
    noise: float

    def __len__(self) -> int:
        return len(self.y)

    def residual(self, u: Tensor) -> Tensor:
        """``y - A u``, ``(B, M)``, of examples ``u (B, *event)`` on the unit scale."""
        return self.y - self.operator.forward(u)

    def log_prob(self, u: Tensor) -> Tensor:
        """``log N(y; A u, noise^2 I)``, ``(B,)`` nats.

        Raises:
            ValueError: there is no noise, and so no density; see `at_least`.
        """
        if self.noise <= 0:
            raise ValueError("exact measurements have no density; take Observation.at_least(noise)")
        squares = self.residual(u).square().sum(1) / self.noise**2
        return -0.5 * squares - self.y.shape[1] * (math.log(self.noise) + 0.5 * math.log(2 * math.pi))

    def at_least(self, noise: float) -> Observation:
        """The same measurements, taken for no more exact than ``noise``: for samplers that need a density."""
        return replace(self, noise=max(self.noise, noise))

    def rows(self, index: Tensor) -> Observation:
        """Those of some examples."""
        return replace(self, y=self.y[index.to(self.y.device)])

    def repeated(self, samples: int) -> Observation:
        """Each example's ``samples`` times in a row: ``(B * samples, M)``."""
        return replace(self, y=self.y.repeat_interleave(samples, 0))


def observe(
    operator: LinearOperator, u: Tensor, noise: float, *, generator: torch.Generator | None = None
) -> Observation:
    """Measure examples ``u (B, *event)`` on the unit scale."""
    y = operator.forward(u)
    device = y.device if generator is None else generator.device
    eps = torch.randn(y.shape, generator=generator, device=device, dtype=y.dtype).to(y.device)
    return Observation(operator, y + noise * eps, noise)


def to_unit(x: Tensor, spec: DataSpec) -> Tensor:
    """Data, or reals on the data's own scale, on the unit scale: levels divided by ``levels - 1``; float32 or more."""
    x = x if x.is_floating_point() else x.float()
    return x if spec.levels is None else x / max(1, spec.levels - 1)


def from_unit(u: Tensor, spec: DataSpec) -> Tensor:
    """The unit scale -> the data's own scale, as real numbers between the least and the greatest level."""
    return u if spec.levels is None else u.clamp(0, 1) * (spec.levels - 1)


def typed(u: Tensor, spec: DataSpec) -> Tensor:
    """The unit scale -> data: the nearest level, or reals as they are."""
    return from_unit(u, spec).to(spec.dtype) if spec.levels is None else from_unit(u, spec).round().to(spec.dtype)
