"""Distributions of latents ``z: (B, D)``, independent and alike in all dimensions, without parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.ops.random import Generators, normal, uniform


class Prior(ABC):
    """A density on ``R^D`` that can be drawn from."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """``(B, D) -> (B,)`` nats."""

    @abstractmethod
    def sample(self, n: int, dim: int, *, like: Tensor, generator: Generators) -> Tensor:
        """``(n, dim)`` draws on the device and with the dtype of ``like``."""


class StandardNormal(Prior):
    """``log p(z) = sum_d -z_d^2 / 2 - log(2 pi) / 2``."""

    def log_prob(self, z: Tensor) -> Tensor:
        """``(B, D) -> (B,)`` nats."""
        return -0.5 * z.square().sum(1) - 0.5 * math.log(2 * math.pi) * z.shape[1]

    def sample(self, n: int, dim: int, *, like: Tensor, generator: Generators) -> Tensor:
        """``(n, dim)`` draws."""
        return normal(n, dim, like=like, generator=generator)


class StandardLogistic(Prior):
    """``log p(z) = sum_d -log(1 + e^z_d) - log(1 + e^-z_d)``."""

    def log_prob(self, z: Tensor) -> Tensor:
        """``(B, D) -> (B,)`` nats."""
        return -(F.softplus(z) + F.softplus(-z)).sum(1)

    def sample(self, n: int, dim: int, *, like: Tensor, generator: Generators) -> Tensor:
        """``(n, dim)`` draws: the inverse of the distribution function at uniform numbers, cut at 1e-7 from 0 and 1."""
        return torch.logit(uniform(n, dim, like=like, generator=generator), eps=1e-7)
