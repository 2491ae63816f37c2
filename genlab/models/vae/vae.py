"""The variational autoencoder, of ``p(x)`` and of ``p(x | c)``.

A latent ``z ~ p(z) = N(0, I)`` is decoded to the parameters of ``p(x | z)``. The posterior is approximated by
``q(z | x) = N(mu(x), diag sigma^2(x))``, and with ``z = mu + sigma * eps``, ``eps ~ N(0, I)``,

    log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z))                                    (ELBO)
    log p(x) >= E[log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x)],   z_k ~ q(z | x)           (IWAE bound)

A condition c (a label, one-hot, or a vector) is given to all three: ``p(x | z, c)``, ``q(z | x, c)`` and the prior
``p(z | c) = N(mu_c, diag sigma_c^2)``, whose parameters are linear in c and which starts as N(0, I).

"Auto-Encoding Variational Bayes", D. P. Kingma, M. Welling, 2014, https://arxiv.org/abs/1312.6114
"Importance Weighted Autoencoders", Y. Burda, R. Grosse, R. Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519
"Learning Structured Output Representation using Deep Conditional Generative Models", K. Sohn, H. Lee, X. Yan, 2015,
https://papers.nips.cc/paper/5775
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Image, Vector
from genlab.distributions.likelihoods import for_spec
from genlab.models.capabilities import ApproximatePosterior, DecodesLatents, ELBOTerms, LatentBound
from genlab.models.conditions import context, given_by, width
from genlab.models.latent_coding import Descent, GaussianLatents, LevelNormals
from genlab.nn.networks import ConvDecoder, ConvEncoder, mlp
from genlab.ops.random import Generators, normal
from genlab.signatures.ranges import Positive

PARTICLES_AT_ONCE = 50
"""Particles decoded together: K = 5000 needs the memory of 50, and the value does not depend on the batch size."""

MLP_MAX_DIM = 1024
"""``network=auto`` takes the MLP for vectors and for grey pictures up to 32x32, convolutions beyond."""


class DiagonalNormal(NamedTuple):
    """``N(mean, diag exp(log_var))``, each ``(B, latent_dim)``."""

    mean: Tensor
    log_var: Tensor


def default_latent_dim(spec: DataSpec) -> int:
    """What ``latent_dim=auto`` is: a latent as wide as a vector, 20 for pictures."""
    return spec.dim if isinstance(spec.space, Vector) else 20


def default_hidden(spec: DataSpec) -> tuple[int, ...]:
    """What ``hidden=auto`` is."""
    return (128, 128, 128) if isinstance(spec.space, Vector) else (500, 500)


def as_real(x: Tensor) -> Tensor:
    """``x`` in floating point, on its own scale."""
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())


def full(x: Tensor) -> Tensor:
    """``x`` in float32 or better."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def gaussian_kl(q: DiagonalNormal, p: DiagonalNormal | None) -> Tensor:
    """``KL(q || p)`` in nats, ``(B,)``; p is standard normal when None."""
    if p is None:
        return 0.5 * (q.mean.square() + q.log_var.exp() - q.log_var - 1).sum(-1)
    ratio = q.log_var - p.log_var
    return 0.5 * ((q.mean - p.mean).square() * torch.exp(-p.log_var) + ratio.exp() - ratio - 1).sum(-1)


class VAENetwork(nn.Module):
    """Encoder, decoder and likelihood, with an optional context on all of them (a label one-hot, or a vector)."""

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: int,
        hidden: Sequence[int] | Literal["auto"],
        network: str,
        channels: int,
        likelihood: str,
        variance: str,
        context: int,
    ) -> None:
        super().__init__()
        convolutional = network == "conv" or (
            network == "auto" and isinstance(spec.space, Image) and (spec.dim > MLP_MAX_DIM or spec.event_shape[0] > 1)
        )
        self.spec = spec
        self.likelihood = for_spec(spec, kind=likelihood, variance=variance)
        params = self.likelihood.num_params
        if hidden == "auto":
            hidden = default_hidden(spec)
        self.scale = 1.0 if spec.levels is None else 1.0 / (spec.levels - 1)
        self.encoder: nn.Module
        self.decoder: nn.Module
        self.flat = not convolutional
        if convolutional:
            depth, height, width = spec.event_shape
            self.encoder = ConvEncoder((depth + context, height, width), channels=channels, outputs=2 * latent_dim)
            self.decoder = ConvDecoder(
                spec.event_shape, channels=channels, inputs=latent_dim + context, out_channels=params * depth
            )
        else:
            self.encoder = mlp(spec.dim + context, hidden, 2 * latent_dim)
            self.decoder = mlp(latent_dim + context, list(hidden)[::-1], params * spec.dim)

    def posterior(self, x: Tensor, c: Tensor | None) -> DiagonalNormal:
        """``q(z | x, c)`` of ``x: (B, *event)``."""
        h = as_real(x)
        if self.scale != 1.0:
            h = h * self.scale
        if self.flat:
            h = h.flatten(1)
            h = h if c is None else torch.cat([h, c], 1)
        elif c is not None:
            h = torch.cat([h, c[:, :, None, None].expand(-1, -1, *h.shape[2:])], 1)
        mean, log_var = full(self.encoder(h)).chunk(2, -1)
        return DiagonalNormal(mean, log_var)

    def params(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Parameters ``(B, P, *event)`` of ``p(x | z, c)``, ``z: (B, latent_dim)``."""
        out = self.decoder(z if c is None else torch.cat([z, c], 1))
        return out.view(-1, self.likelihood.num_params, *self.spec.event_shape)


class VAE(LatentBound, ApproximatePosterior, DecodesLatents, GaussianLatents):
    """Variational autoencoder with a standard normal prior; given a condition, with a normal prior that it decides.

    Args:
        spec: the data's type; decides likelihood and network.
        latent_dim: dimensions of z; "auto" is 20 for pictures and D for D-dimensional vectors.
        hidden: widths of the MLP's hidden layers in the encoder; the decoder mirrors them. Empty: linear maps;
            "auto": two of 500 for pictures, three of 128 for vectors.
        network: "mlp", "conv", or "auto": "conv" for pictures in colour or of more than 1024 numbers.
        channels: width of the convolutional networks at full resolution.
        likelihood: "bernoulli", "discretised_logistic", "gaussian", or "auto" (what fits the data).
        variance: of the Gaussian likelihood, "network" or "shared".
        condition: what prior, encoder and decoder are given: "label", "vector", or None.

    Raises:
        ConfigError: likelihood, network, condition and data do not fit each other.
    """

    needs = ("one set", "image | vector | waveform | video")
    needs_with = {
        "network=conv": ("image",),
        "likelihood=bernoulli": ("binary",),
        "likelihood=discretised_logistic": ("integers",),
        "likelihood=gaussian": ("reals",),
        "condition=label": ("labels",),
        "condition=vector": ("vector condition",),
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: Positive | Literal["auto"] = "auto",
        hidden: Sequence[Positive] | Literal["auto"] = "auto",
        network: Literal["auto", "mlp", "conv"] = "auto",
        channels: Positive = 32,
        likelihood: Literal["auto", "bernoulli", "discretised_logistic", "gaussian"] = "auto",
        variance: Literal["network", "shared"] = "shared",
        condition: Literal["label", "vector"] | None = None,
    ) -> None:
        super().__init__()
        require(VAE, spec, network=network, likelihood=likelihood, condition=condition)
        self.spec = spec
        self.given = given_by(condition, spec)
        self._latent_dim = default_latent_dim(spec) if latent_dim == "auto" else latent_dim
        self.net = VAENetwork(
            spec,
            latent_dim=self._latent_dim,
            hidden=hidden,
            network=network,
            channels=channels,
            likelihood=likelihood,
            variance=variance,
            context=width(self.given),
        )
        self.prior: nn.Linear | None = None
        if self.given is not None:
            self.prior = nn.Linear(width(self.given), 2 * self._latent_dim, bias=False)
            nn.init.zeros_(self.prior.weight)

    @property
    def latent_dim(self) -> int:
        """Number of latent dimensions."""
        return self._latent_dim

    def prior_given(self, context: Tensor | None) -> DiagonalNormal | None:
        """``p(z | c)``; None is the standard normal."""
        if self.prior is None:
            return None
        mean, log_var = full(self.prior(context)).chunk(2, -1)
        return DiagonalNormal(mean, log_var)

    def elbo_terms(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> ELBOTerms:
        """Both terms of the one-sample ELBO; the KL is in closed form."""
        x, given = as_real(x), context(self.given, c)  # once for the encoder and the likelihood
        q = self.net.posterior(x, given)
        eps = normal(len(x), self.latent_dim, like=q.mean, generator=generator)
        z = q.mean + torch.exp(0.5 * q.log_var) * eps
        reconstruction = self.net.likelihood.log_prob(x, self.net.params(z, given))
        return ELBOTerms(reconstruction, gaussian_kl(q, self.prior_given(given)))

    def elbo(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> Tensor:
        """One-sample evidence lower bound, ``(B,)`` nats per example."""
        terms = self.elbo_terms(x, c, generator=generator)
        return terms.reconstruction - terms.kl

    def _log_weights(self, x: Tensor, given: Tensor | None, q: DiagonalNormal, k: int, generator: Generators) -> Tensor:
        """``log p(x | z) + log p(z) - log q(z | x)`` of ``k`` particles, ``(B, k)`` nats."""
        eps = normal(len(x), k, self.latent_dim, like=q.mean, generator=generator)
        std = torch.exp(0.5 * q.log_var)
        z = q.mean[:, None] + std[:, None] * eps
        p = self.prior_given(given)
        standardised = z if p is None else (z - p.mean[:, None]) * torch.exp(-0.5 * p.log_var)[:, None]
        # the constants -d/2 log 2 pi of p and q cancel
        log_p = -0.5 * standardised.square().sum(-1)
        log_q = -0.5 * eps.square().sum(-1) - 0.5 * q.log_var.sum(-1, keepdim=True)
        if p is not None:
            log_p = log_p - 0.5 * p.log_var.sum(-1, keepdim=True)
        repeated = None if given is None else given.repeat_interleave(k, 0)
        params = self.net.params(z.flatten(0, 1), repeated).unflatten(0, (len(x), k))
        return self.net.likelihood.log_prob(x[:, None], params) + log_p - log_q

    def log_prob_bound(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> Tensor:
        """Importance-weighted bound with K particles, ``(B,)`` nats per example, K in chunks."""
        x, given = as_real(x), context(self.given, c)
        q = self.net.posterior(x, given)
        total = None
        for done in range(0, num_particles, PARTICLES_AT_ONCE):
            k = min(PARTICLES_AT_ONCE, num_particles - done)
            chunk = self._log_weights(x, given, q, k, generator).logsumexp(1)
            total = chunk if total is None else torch.logaddexp(total, chunk)
        assert total is not None
        return total - math.log(num_particles)

    def descend(self, n: int, c: Tensor | None = None, *, x: Tensor | None = None) -> Descent:
        """See `GaussianLatents`: one level."""
        like, given = next(self.parameters()), context(self.given, c)
        given = None if given is None else given.to(like.dtype)
        zeros = like.new_zeros(n, self.latent_dim)
        p = self.prior_given(given) or DiagonalNormal(zeros, zeros)
        z = yield LevelNormals(p, None if x is None else self.net.posterior(x, given))
        return self.net.likelihood.of_all_levels(self.net.params(z, given))

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Posterior mean, ``(B, latent_dim)``."""
        return self.net.posterior(x, context(self.given, c)).mean

    def posterior_moments(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and variance of each unit of ``q(z | x)`` in the units of the prior, ``(B, latent_dim)`` each.

        KL(q || p) of a unit is that against N(0, 1).
        """
        given = context(self.given, c)
        q, p = self.net.posterior(as_real(x), given), self.prior_given(given)
        if p is None:
            return q.mean, q.log_var.exp()
        return (q.mean - p.mean) * torch.exp(-0.5 * p.log_var), (q.log_var - p.log_var).exp()

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Expected example ``(B, *event_shape)`` on the data's own scale."""
        return self.net.likelihood.mean(self.net.params(z, context(self.given, c)))

    def sample_latents(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``(n, latent_dim)`` draws from the prior."""
        p = self.prior_given(context(self.given, c))
        eps = normal(n, self.latent_dim, like=next(self.parameters()) if p is None else p.mean, generator=generator)
        return eps if p is None else p.mean + torch.exp(0.5 * p.log_var) * eps

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """Ancestral samples: ``z ~ p(z)``, ``x ~ p(x | z)``."""
        z = self.sample_latents(n, c, generator=generator)
        return self.net.likelihood.sample(self.net.params(z, context(self.given, c)), generator=generator)
