"""A density on reals made into a bound on the likelihood of integers.

With ``v = x + u``, ``u ~ U[0, 1)^D``, the model's probability of the picture x is the mass of its density over the
unit cube at x, and

    log P(x) = log E_u[p_V(x + u)] >= E[log 1/K sum_k p_V(x + u_k)]                       (K = 1: Jensen's bound)

where p_V is the density of v that follows from the flow's on ``y = logit(alpha + (1 - 2 alpha) v / L)``:

    log p_V(v) = log p_Y(y) + log |det dy/dw| - D log L,        w = v / L

"A note on the evaluation of generative models", L. Theis, A. van den Oord, M. Bethge, 2016,
https://arxiv.org/abs/1511.01844 (section 3.1: why integers need the noise)
"Flow++", J. Ho, X. Chen, A. Srinivas, Y. Duan, P. Abbeel, 2019, https://arxiv.org/abs/1902.00275 (section 3.1)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.bijectors import Logit
from genlab.data.spaces import DataSpec
from genlab.models.capabilities import DecodesLatents, EncodesLatents, ItemisedBound, Tempered
from genlab.models.flow.flow import Flow
from genlab.ops.random import Generators, uniform

NUMBERS_AT_ONCE = 4096
"""Of each example: particles of small pictures go through the flow together, those of large ones one by one."""


class Dequantised(ItemisedBound, EncodesLatents, DecodesLatents, Tempered):
    """A flow on pictures of L levels.

    The flow's mass outside the data's range belongs to no picture: the bound loses it, `sample` rounds it to the
    nearest level.

    Args:
        spec: the data's type: integers.
        flow: on reals of the same shape.
        alpha: of the logit; None: the flow models ``w = v / L`` itself.
    """

    def __init__(self, spec: DataSpec, *, flow: Flow, alpha: float | None) -> None:
        super().__init__()
        assert spec.levels is not None
        self.spec = spec
        self.given = flow.given
        self.levels = spec.levels
        self.flow = flow
        self.logit = None if alpha is None else Logit(alpha=alpha)

    def _log_densities(self, x: Tensor, c: Tensor | None, k: int, generator: Generators) -> tuple[Tensor, Tensor]:
        """``log p_Y(y)`` and ``log |det dy/dw|`` at k noisy copies of each picture, ``(B, k)`` nats each."""
        x = _real(x)
        u = uniform(len(x), k, *self.spec.event_shape, like=x, generator=generator)
        w = ((x[:, None] + u) / self.levels).flatten(0, 1)
        c = None if c is None else c.repeat_interleave(k, 0)
        if self.logit is None:
            log_p = self.flow.log_prob(w, c)
            return log_p.view(-1, k), log_p.new_zeros(len(x), k)
        y, log_det = self.logit.forward_and_log_det(w)
        return self.flow.log_prob(y, c).view(-1, k), log_det.view(-1, k)

    @property
    def log_volume(self) -> float:
        """``D log L``: the cube of v in units of that of w."""
        return self.spec.dim * math.log(self.levels)

    def elbo(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> Tensor:
        """The bound with one draw of the noise, ``(B,)`` nats per example."""
        log_p, log_det = self._log_densities(x, c, 1, generator)
        return (log_p + log_det)[:, 0] - self.log_volume

    def log_prob_bound(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> Tensor:
        """The bound with K draws of the noise, ``(B,)`` nats per example."""
        terms = self.log_prob_bound_terms(x, num_particles, c, generator=generator)
        return torch.stack(list(terms.values())).sum(0)

    def log_prob_bound_terms(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> dict[str, Tensor]:
        """The bound's parts, ``(B,)`` nats each.

        Returns:
            ``model`` and, with one, ``logit``: particles' means of ``log p_Y(y)`` and ``log |det dy/dw|``;
            ``levels``: ``-D log L``;
            ``dequantisation``: what averaging densities rather than their logarithms gains; 0 with one particle.
        """
        at_once = max(1, NUMBERS_AT_ONCE // self.spec.dim)
        log_ps, log_dets, totals = [], [], []
        for done in range(0, num_particles, at_once):
            log_p, log_det = self._log_densities(x, c, min(at_once, num_particles - done), generator)
            log_ps.append(log_p.sum(1))
            log_dets.append(log_det.sum(1))
            totals.append((log_p + log_det).logsumexp(1))
        model, logit = (torch.stack(sums).sum(0) / num_particles for sums in (log_ps, log_dets))
        total = torch.stack(totals).logsumexp(0) - math.log(num_particles)
        terms = {"model": model} if self.logit is None else {"model": model, "logit": logit}
        levels = torch.full_like(total, -self.log_volume)
        return terms | {"levels": levels, "dequantisation": total - model - logit}

    @property
    def latent_dim(self) -> int:
        """As many as the picture has numbers."""
        return self.flow.latent_dim

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B, D)``: the latent of the cube's centre, ``u = 1/2``."""
        w = (_real(x) + 0.5) / self.levels
        return self.flow.encode(w if self.logit is None else self.logit.forward_and_log_det(w).value, c)

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B, C, H, W) float``: the picture in whose cube ``f^-1(z)`` lies, which is the expected one given z."""
        y = self.flow.decode(z, c)
        w = y if self.logit is None else self.logit.inverse_and_log_det(y).value
        return (w * self.levels).floor().clamp(0, self.levels - 1)

    def sample_latents(
        self, n: int, c: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, D)`` draws from the prior, times the temperature."""
        return self.flow.sample_latents(n, c, temperature=temperature, generator=generator)

    def sample(
        self, n: int, c: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, C, H, W)`` integer levels."""
        return self.decode(self.sample_latents(n, temperature=temperature, generator=generator), c).to(self.spec.dtype)


def _real(x: Tensor) -> Tensor:
    """``x`` in floating point: float32, or the wider default."""
    return x.to(torch.promote_types(torch.get_default_dtype(), torch.float32))
