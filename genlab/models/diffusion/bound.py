"""The bound on the likelihood that a denoiser is worth, in continuous time.

For a path from ``t = 0`` to ``1`` with log-SNR ``lambda(t)`` and noise ``eps_hat(x_t) = (x_t - alpha D) / sigma``,

    log p(x) >= - KL(q(x_1 | x) || p(x_1))                                                            (prior)
                - 1/2 int_0^1 -lambda'(t) E |eps - eps_hat(x_t)|^2 dt                                 (diffusion)
                + E log p(x | x_0)                                                                    (reconstruction)

The middle term is that of infinitely many steps, and an integral over the noise levels alone: no schedule between the
same ends changes it, only how noisy it is where it is estimated. So here its levels are spread evenly over lambda (or
as a schedule has learned), and stratified; and where ``eps`` cannot be
told from the data, ``|eps - eps_hat|^2`` follows ``|eps|^2``, whose mean D is known: a share of ``|eps|^2 - D`` that
depends on the level alone is taken away.

"Variational Diffusion Models", D. P. Kingma, T. Salimans, B. Poole, J. Ho, 2021, https://arxiv.org/abs/2107.00630
(equations 11 to 17)
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from genlab.models.conditions import check_condition
from genlab.models.denoising import Denoiser
from genlab.models.diffusion.schedules import Learned
from genlab.models.numerical import AveragedBound, Numerical
from genlab.models.paths import spread_over
from genlab.ops.random import Generators, normal, uniform

NUMBERS_AT_ONCE = 4096
"""Of each example: draws of small examples go through the network together, those of large ones one by one."""

WINDOW = 16
"""Levels on each side of the right one that ``p(x | x_0)`` looks at: beyond, noise of half a level has no chance."""


def noise_error(
    model: Denoiser, u: Tensor, t: Tensor, eps: Tensor, c: Tensor | None, *, hidden: Tensor | None = None
) -> Tensor:
    """``|eps - eps_hat(x_t)|^2``, ``(B,)``, which is ``snr |x_0 - D|^2``.

    Args:
        model: the denoiser.
        u: ``(B, *event)`` in its coordinates.
        t: ``(B,)`` times.
        eps: ``(B, *event)`` the noise.
        c: the condition of each.
        hidden: whose is hidden (`Denoiser.expected`).
    """
    clean = model.expected(model.path.add_noise(u, t, eps), t, c, hidden=hidden)
    return (spread_over((0.5 * model.path.log_snr(t)).exp(), u) * (clean - u)).square().flatten(1).sum(1)


class DiffusionBound(Denoiser, AveragedBound, Numerical):
    """A denoiser that knows both ends of its path, and so a bound on its likelihood.

    K particles are K draws of time and noise for each example whose mean is taken: more of them make the number less
    noisy, and no tighter.

    Attributes:
        most: draws for each example at most.
    """

    most: ClassVar[int] = 64

    @abstractmethod
    def ends(self, x: Tensor) -> dict[str, Tensor]:
        """``prior`` and ``reconstruction`` of typed ``x``, ``(B,)`` nats each, neither of which takes a draw."""

    @property
    def method(self) -> str:
        """How its likelihood is bounded, in a few words."""
        return "diffusion in continuous time: the mean of K draws of time and noise, which are no importance samples"

    def control(self, t: Tensor) -> Tensor:
        """The share of ``|eps|^2 - D`` that is taken away, ``(B,)``; any leaves the mean as it is.

        It is that of Gaussian data with a standard deviation of 0.3; of integers none, as their levels can be told.
        """
        if self.spec.levels is not None:
            return torch.zeros_like(t)
        return (self.path.log_snr(t) + 2 * math.log(0.3)).sigmoid().square()

    def levels_at(self, share: Tensor) -> tuple[Tensor, Tensor]:
        """Times of which ``share`` (between 0 and 1, evenly spread) are earlier, and ``-d lambda / d share``."""
        if isinstance(self.path, Learned):
            return share, -self.path.log_snr_rate(share)
        first, last = self.path.ends(like=share)
        return self.path.time_of(first + share * (last - first)), (first - last).expand_as(share)

    def diffusion(self, u: Tensor, share: Tensor, eps: Tensor, c: Tensor | None) -> Tensor:
        """The middle term by one draw, ``(B,)`` nats, at times that `levels_at` gives."""
        t, density = self.levels_at(share)
        error = noise_error(self, u, t, eps, c) - self.control(t) * (eps.square() - 1).flatten(1).sum(1)
        return -0.5 * density * error

    def log_prob_bound_terms(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> dict[str, Tensor]:
        """``prior``, ``diffusion`` (by K draws, whose times are stratified) and ``reconstruction``, ``(B,)`` nats."""
        check_condition(self.given, c)
        u, draws = self.from_data(x), self.draws(num_particles)
        begin = uniform(len(u), like=u, generator=generator)
        at_once, total = max(1, NUMBERS_AT_ONCE // self.spec.dim), torch.zeros_like(begin)
        for done in range(0, draws, at_once):
            k = torch.arange(done, min(done + at_once, draws), device=u.device, dtype=u.dtype)
            share = (begin[:, None] + k) / draws
            eps = normal(len(u), len(k), *u.shape[1:], like=u, generator=generator)
            many = u[:, None].expand_as(eps).flatten(0, 1)
            each = None if c is None else c.repeat_interleave(len(k), 0)
            total = total + self.diffusion(many, share.flatten(), eps.flatten(0, 1), each).view_as(share).sum(1)
        prior, reconstruction = self.ends(x).values()
        return {"prior": prior, "diffusion": total / draws, "reconstruction": reconstruction}

    def log_prob_bound(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> Tensor:
        """The bound by K draws, ``(B,)`` nats per example."""
        return torch.stack(list(self.log_prob_bound_terms(x, num_particles, c, generator=generator).values())).sum(0)

    def elbo(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> Tensor:
        """The bound by one draw, ``(B,)`` nats per example."""
        return self.log_prob_bound(x, 1, c, generator=generator)


def prior_term(u: Tensor, log_snr: Tensor) -> Tensor:
    """``-KL(q(x_1 | u) || N(0, I))`` of a variance-preserving path that ends at ``log_snr: ()``, ``(B,)`` nats."""
    alpha2, variance = log_snr.sigmoid(), (-log_snr).sigmoid()
    return -0.5 * (alpha2 * u.square() + variance - 1 - variance.log()).flatten(1).sum(1)


def density_term(u: Tensor, log_snr: Tensor) -> Tensor:
    """``E log p(u | x_0)`` of reals, ``p(u | x_0) = N(x_0 / alpha, 1 / snr)`` at ``log_snr: ()``, ``(B,)`` nats."""
    return (0.5 * (log_snr - math.log(2 * math.pi) - 1) * u[0].numel()).expand(len(u))


def level_term(x: Tensor, log_snr: Tensor, *, levels: int) -> Tensor:
    """``E log p(x | x_0)`` of integers, ``p(v | x_0) ~ N(x_0; alpha u_v, sigma^2)`` over all levels v, ``(B,)`` nats.

    Each level has one number, an integral over a normal number that is computed here: nothing is drawn.

    Args:
        x: ``(B, *event)`` levels, which are between -1 and 1 in the model's coordinates.
        log_snr: ``()`` at which the path begins.
        levels: L.
    """
    few = min(levels, 2 * WINDOW + 1)  # what is further inside is as the one in the middle
    known = _expected_log_probs(2 / (levels - 1) * (0.5 * log_snr.double()).exp(), few)
    x = x.flatten(1).int()
    index = torch.where(x > levels - 1 - few // 2, x - (levels - few), x.clamp_max(few // 2))
    # counted, not gathered: the gradient of a gather adds up what falls on one level number by number
    counts = (index[..., None] == torch.arange(few, device=x.device)).sum(1)
    return (counts * known.to(log_snr.dtype)).sum(1)


def _expected_log_probs(distance: Tensor, levels: int) -> Tensor:
    """``E_n log softmax_w(-(d (v - w) + n)^2 / 2)_v`` of each level v, ``(levels,)``, by the trapezoidal rule."""
    n = torch.linspace(-10, 10, 401, dtype=distance.dtype, device=distance.device)
    weight = torch.softmax(-0.5 * n.square(), 0)
    v = torch.arange(levels, dtype=distance.dtype, device=distance.device)
    off = distance * (v[:, None] - v)[..., None]  # (v, w, 1)
    return (weight * (-0.5 * off.square() - off * n).logsumexp(1)).sum(1).neg()
