"""Noise schedules of variance-preserving diffusion: two that are fixed, and one that learns its ends and its pace."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from genlab.models.paths import Cosine, LinearLogSNR, VariancePreserving

ScheduleName = Literal["cosine", "linear", "learned"]

LEAST = -6.0
"""``lambda(1)``: of data of variance 1 a twentieth of the standard deviation is left beside the noise."""

REAL = 12.0
"""``lambda(0)`` of standardised reals: noise of 1/400 of their standard deviation."""

SIGMAS = 6.5
"""``lambda(0)`` of integers: the distance of two levels is so many standard deviations of the noise."""


def first_log_snr(levels: int | None) -> float:
    """``lambda(0)`` at which data between -1 and 1 can be told, 13.4 of 8 bits; of reals `REAL`."""
    return REAL if levels is None else 2 * math.log(SIGMAS * (levels - 1) / 2)


class Learned(VariancePreserving):
    """``lambda`` falls from ``most`` to ``least``, which are learned, at a pace at which the bound is least noisy.

    The bound does not depend on the pace, and the variance of its estimate is least where each level is seen as often
    as the square root of ``E |eps - eps_hat|^4`` there (Kingma et al., 2021, appendix E; Nichol & Dhariwal, 2021,
    section 3.3): a running mean of that over `CELLS` parts of the way.
    """

    CELLS = 32
    DECAY = 0.99
    FLOOR = 0.1

    powers: Tensor
    steps: Tensor

    def __init__(self, *, most: float, least: float) -> None:
        super().__init__()
        self.most = nn.Parameter(torch.tensor(most))
        self.least = nn.Parameter(torch.tensor(least))
        self.register_buffer("powers", torch.ones(self.CELLS))
        self.register_buffer("steps", torch.zeros(()))

    def _knots(self) -> Tensor:
        """Times at which the parts of the way begin and end, ``(CELLS + 1,)`` from 0 to 1."""
        share = self.powers.sqrt()
        share = share / share.mean() + self.FLOOR  # no part is left out
        part = torch.arange(self.CELLS, device=share.device)
        before = torch.arange(self.CELLS + 1, device=share.device)[:, None] > part
        return (before * share).sum(1) / share.sum()  # on a GPU cumsum() gives other bits each time

    def _way(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """How much of the way lies behind at ``t``, and its derivative."""
        knots = self._knots().to(t.dtype)
        cell = (t[..., None] >= knots[1:-1]).sum(-1)
        rate = 1 / (self.CELLS * knots.diff()[cell])
        return cell / self.CELLS + (t - knots[cell]) * rate, rate

    def log_snr(self, t: Tensor) -> Tensor:
        """``most - (most - least) way(t)``."""
        return self.most - (self.most - self.least) * self._way(t)[0]

    def log_snr_rate(self, t: Tensor) -> Tensor:
        """``-(most - least) way'(t)``."""
        return -(self.most - self.least) * self._way(t)[1]

    def time_of(self, log_snr: Tensor) -> Tensor:
        """By the part of the way in which ``lambda`` is."""
        way = (self.most - log_snr) / (self.most - self.least) * self.CELLS
        cell = way.detach().floor().clamp(0, self.CELLS - 1).long()
        knots = self._knots().to(way.dtype)
        return knots[cell] + (way - cell) * knots.diff()[cell]

    @torch.no_grad()
    def observe(self, t: Tensor, error: Tensor) -> None:
        """Learn the pace from errors ``(B,)`` at times ``(B,)``."""
        way = self._way(t)[0] * self.CELLS
        member = (way.floor().clamp(0, self.CELLS - 1)[:, None] == torch.arange(self.CELLS, device=t.device)).float()
        count = member.sum(0)
        seen = (member * error.float().square()[:, None]).sum(0) / count.clamp_min(1)
        decay = (self.steps / (self.steps + 1)).clamp_max(self.DECAY)  # the first numbers stand for themselves
        kept = torch.where(count > 0, decay, 1.0)
        self.steps += 1
        self.powers.mul_(kept).add_((1 - kept) * seen)


def schedule(name: ScheduleName, *, levels: int | None) -> VariancePreserving:
    """The path of a schedule for data of so many levels between -1 and 1, or of standardised reals (None)."""
    kinds: dict[ScheduleName, type[Cosine | LinearLogSNR | Learned]]
    kinds = {"cosine": Cosine, "linear": LinearLogSNR, "learned": Learned}
    return kinds[name](most=first_log_snr(levels), least=LEAST)
