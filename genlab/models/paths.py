"""Gaussian paths from data to noise: ``x_t = alpha(t) x_0 + sigma(t) eps``, ``eps ~ N(0, I)``, t from 0 to 1.

At ``t = 0`` there is (next to) nothing but the data, at ``t = 1`` nothing but noise. What matters of a path is its
signal-to-noise ratio ``alpha^2 / sigma^2``, by its logarithm ``lambda(t) = 2 log(alpha / sigma)``, which falls with t;
models of one path are models of every other at the time of the same ratio, up to a scale of x (Kingma et al., 2021).

"Denoising Diffusion Probabilistic Models", J. Ho, A. Jain, P. Abbeel, 2020, https://arxiv.org/abs/2006.11239
"Variational Diffusion Models", D. P. Kingma, T. Salimans, B. Poole, J. Ho, 2021, https://arxiv.org/abs/2107.00630
"Improved Denoising Diffusion Probabilistic Models", A. Nichol, P. Dhariwal, 2021, https://arxiv.org/abs/2102.09672
"Elucidating the Design Space of Diffusion-Based Generative Models", T. Karras, M. Aittala, T. Aila, S. Laine, 2022,
https://arxiv.org/abs/2206.00364
"Flow Matching for Generative Modeling", Y. Lipman, R. T. Q. Chen, H. Ben-Hamu, M. Nickel, M. Le, 2023,
https://arxiv.org/abs/2210.02747
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def spread_over(values: Tensor, x: Tensor) -> Tensor:
    """One number for each example, ``(B,)``, as ``(B, 1, ..., 1)`` beside ``x: (B, *event)``."""
    return values.view(-1, *(1,) * (x.ndim - 1))


class GaussianPath(nn.Module):
    """From data at ``t = 0`` to noise at ``t = 1``; a module, as a schedule can be learned.

    All functions are of times ``(B,)`` (or of any shape), number by number.
    """

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """What is left of the data, ``> 0`` for ``t < 1``."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise, ``> 0`` for ``t > 0``."""

    @abstractmethod
    def alpha_rate(self, t: Tensor) -> Tensor:
        """``d alpha / dt``."""

    @abstractmethod
    def sigma_rate(self, t: Tensor) -> Tensor:
        """``d sigma / dt``."""

    def log_snr(self, t: Tensor) -> Tensor:
        """``lambda(t) = 2 log(alpha / sigma)``, falling."""
        return 2 * (self.alpha(t).log() - self.sigma(t).log())

    def log_snr_rate(self, t: Tensor) -> Tensor:
        """``d lambda / dt``, negative."""
        return 2 * (self.alpha_rate(t) / self.alpha(t) - self.sigma_rate(t) / self.sigma(t))

    @abstractmethod
    def time_of(self, log_snr: Tensor) -> Tensor:
        """The time at which ``lambda`` is ``log_snr``."""

    def ends(self, *, like: Tensor) -> Tensor:
        """``lambda`` at ``t = 0`` and ``t = 1``, ``(2,)``, made without a look at the host's memory."""
        return self.log_snr(torch.arange(2, device=like.device, dtype=like.dtype))

    def add_noise(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """``x_t`` of data ``x: (B, *event)`` at times ``t: (B,)``."""
        return spread_over(self.alpha(t), x) * x + spread_over(self.sigma(t), x) * eps


class VariancePreserving(GaussianPath):
    """``alpha^2 + sigma^2 = 1``, so that data of variance 1 keep it: ``alpha^2 = sigmoid(lambda)``.

    Subclasses say ``lambda(t)``, its rate and its inverse.
    """

    def alpha(self, t: Tensor) -> Tensor:
        """``sqrt(sigmoid(lambda))``, by its logarithm, which has all its bits at both ends."""
        return (0.5 * F.logsigmoid(self.log_snr(t))).exp()

    def sigma(self, t: Tensor) -> Tensor:
        """``sqrt(sigmoid(-lambda))``."""
        return (0.5 * F.logsigmoid(-self.log_snr(t))).exp()

    def alpha_rate(self, t: Tensor) -> Tensor:
        """``alpha sigma^2 lambda' / 2``."""
        return 0.5 * self.alpha(t) * self.sigma(t).square() * self.log_snr_rate(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """``-sigma alpha^2 lambda' / 2``."""
        return -0.5 * self.sigma(t) * self.alpha(t).square() * self.log_snr_rate(t)

    @abstractmethod
    def log_snr(self, t: Tensor) -> Tensor:
        """``lambda(t)``."""

    @abstractmethod
    def log_snr_rate(self, t: Tensor) -> Tensor:
        """``d lambda / dt``."""


class LinearLogSNR(VariancePreserving):
    """``lambda`` falls evenly from ``most`` at ``t = 0`` to ``least`` at ``t = 1`` (Kingma et al., 2021)."""

    def __init__(self, *, most: float, least: float) -> None:
        super().__init__()
        self.most, self.least = most, least

    def log_snr(self, t: Tensor) -> Tensor:
        """``most + t (least - most)``."""
        return self.most + t * (self.least - self.most)

    def log_snr_rate(self, t: Tensor) -> Tensor:
        """``least - most``."""
        return torch.full_like(t, self.least - self.most)

    def time_of(self, log_snr: Tensor) -> Tensor:
        """``(lambda - most) / (least - most)``."""
        return (log_snr - self.most) / (self.least - self.most)


class Cosine(VariancePreserving):
    """``alpha = cos(a)`` with an angle that grows evenly, between the two of ``most`` and ``least`` (Nichol, 2021)."""

    def __init__(self, *, most: float, least: float) -> None:
        super().__init__()
        self.first = math.atan(math.exp(-0.5 * most))
        self.last = math.atan(math.exp(-0.5 * least))

    def _angle(self, t: Tensor) -> Tensor:
        return self.first + t * (self.last - self.first)

    def log_snr(self, t: Tensor) -> Tensor:
        """``-2 log tan(a)``."""
        return -2 * self._angle(t).tan().log()

    def log_snr_rate(self, t: Tensor) -> Tensor:
        """``-4 a' / sin(2 a)``."""
        return -4 * (self.last - self.first) / (2 * self._angle(t)).sin()

    def time_of(self, log_snr: Tensor) -> Tensor:
        """By ``a = atan(exp(-lambda / 2))``."""
        return ((-0.5 * log_snr).exp().atan() - self.first) / (self.last - self.first)


class VarianceExploding(GaussianPath):
    """``alpha = 1`` and ``sigma^(1/rho)`` grows evenly from ``least`` to ``most`` (Karras et al., 2022, equation 5)."""

    def __init__(self, *, least: float = 0.002, most: float = 80.0, rho: float = 7.0) -> None:
        super().__init__()
        self.first, self.last, self.rho = least ** (1 / rho), most ** (1 / rho), rho

    def _root(self, t: Tensor) -> Tensor:
        return self.first + t * (self.last - self.first)

    def alpha(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        """The root to the power of rho."""
        return self._root(t) ** self.rho

    def alpha_rate(self, t: Tensor) -> Tensor:
        """0."""
        return torch.zeros_like(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """By the chain rule."""
        return self.rho * (self.last - self.first) * self._root(t) ** (self.rho - 1)

    def time_of(self, log_snr: Tensor) -> Tensor:
        """By ``sigma = exp(-lambda / 2)``."""
        return ((-0.5 / self.rho * log_snr).exp() - self.first) / (self.last - self.first)


class Straight(GaussianPath):
    """``x_t = (1 - t) x_0 + t eps``: straight from each example to its noise, at one speed (Lipman et al., 2023)."""

    def alpha(self, t: Tensor) -> Tensor:
        """``1 - t``."""
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        """``t``."""
        return t

    def alpha_rate(self, t: Tensor) -> Tensor:
        """-1."""
        return -torch.ones_like(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def time_of(self, log_snr: Tensor) -> Tensor:
        """``1 / (1 + exp(lambda / 2))``."""
        return (-0.5 * log_snr).sigmoid()
