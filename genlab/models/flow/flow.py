"""Normalising flows: a density by change of variables.

An invertible f maps data to latents with a simple density p_Z, so that

    log p(x) = log p_Z(f(x)) + log |det df/dx|,        x = f^-1(z),  z ~ p_Z

Given a condition, f is ``f(x; c)``: a density of x for every c (Winkler et al., 2019, https://arxiv.org/abs/1912.00042).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.bijectors import Bijector
from genlab.data.spaces import DataSpec, Space
from genlab.distributions.priors import Prior
from genlab.models.capabilities import DecodesLatents, EncodesLatents, ExactLikelihood, Tempered
from genlab.models.conditions import context


class Flow(ExactLikelihood, EncodesLatents, DecodesLatents, Tempered):
    """A density on reals; on pixels it needs `genlab.models.Dequantised` around it.

    Args:
        spec: the data's type: real (``levels`` is None).
        bijector: ``f: (B, *event_shape) -> (B, D)``.
        prior: p_Z.
        given: what f is given beside x; p_Z is the same for all.
    """

    def __init__(self, spec: DataSpec, *, bijector: Bijector, prior: Prior, given: Space | None = None) -> None:
        super().__init__()
        self.given = given
        if spec.levels is not None:
            raise ValueError(f"a density on reals is no likelihood of {spec.levels}-level data; wrap it in Dequantised")
        self.spec = spec
        self.bijector = bijector
        self.prior = prior

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B,)`` nats per example, exact."""
        z, log_det = self.bijector.forward_and_log_det(_at_least_float32(x), context(self.given, c))
        return self.prior.log_prob(z) + log_det

    @property
    def latent_dim(self) -> int:
        """As many as the data has."""
        return self.spec.dim

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``z = f(x)``, ``(B, D)``: exact, not the mean of anything."""
        return self.bijector.forward_and_log_det(_at_least_float32(x), context(self.given, c)).value

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``x = f^-1(z)``, ``(B, *event_shape)``."""
        return self.bijector.inverse_and_log_det(_at_least_float32(z), context(self.given, c)).value

    def sample_latents(
        self, n: int, c: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, D)`` draws from the prior, times the temperature."""
        like = _at_least_float32(next(self.parameters()))
        return temperature * self.prior.sample(n, self.latent_dim, like=like, generator=generator)

    def sample(
        self, n: int, c: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, *event_shape) float32``: decoded draws from the prior."""
        return self.decode(self.sample_latents(n, temperature=temperature, generator=generator), c).float()


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
