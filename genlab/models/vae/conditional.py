"""The conditional variational autoencoder: prior, posterior and decoder of a VAE, all of them given the label.

"Learning Structured Output Representation using Deep Conditional Generative Models", K. Sohn, H. Lee, X. Yan, 2015,
https://papers.nips.cc/paper/5775
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models.capabilities import ClassConditional
from genlab.models.vae.vae import DiagonalNormal, ELBOTerms, VAEFamily, VAENetwork, default_latent_dim
from genlab.ops.random import Generators, normal


class ConditionalVAE(VAEFamily, ClassConditional):
    """Class-conditional VAE: encoder, decoder and prior ``N(mu_y, diag sigma_y^2)`` take the label.

    Args:
        spec: the data's type; must have classes.
        latent_dim, hidden, network, channels, likelihood, variance: as in `VAE`.

    Raises:
        ConfigError: the data has no labels, or likelihood, network and data do not fit each other.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: int | Literal["auto"] = "auto",
        hidden: Sequence[int] | Literal["auto"] = "auto",
        network: str = "auto",
        channels: int = 32,
        likelihood: str = "auto",
        variance: str = "shared",
    ) -> None:
        super().__init__()
        if spec.num_classes is None:
            raise ConfigError(
                "model=cvae needs labels, this data has none; it fits data=digits, mnist, fashion_mnist, "
                "binarized_mnist, cifar10, celeba with data.label=..., image_folder with one folder per class"
            )
        self.spec = spec
        self._latent_dim = default_latent_dim(spec) if latent_dim == "auto" else latent_dim
        self.num_classes = spec.num_classes
        self.net = VAENetwork(
            spec,
            latent_dim=self._latent_dim,
            hidden=hidden,
            network=network,
            channels=channels,
            likelihood=likelihood,
            variance=variance,
            context=spec.num_classes,
        )
        self.prior = nn.Linear(spec.num_classes, 2 * self._latent_dim, bias=False)
        nn.init.zeros_(self.prior.weight)

    def _prior(self, c: Tensor | None) -> DiagonalNormal:
        mean, log_var = self.prior(c).float().chunk(2, -1)
        return DiagonalNormal(mean, log_var)

    def _one_hot(self, y: Tensor) -> Tensor:
        return F.one_hot(y, self.num_classes).to(torch.get_default_dtype())

    def elbo_terms(self, x: Tensor, *, y: Tensor, generator: Generators = None) -> ELBOTerms:
        """Both terms of the one-sample ELBO of ``log p(x | y)``."""
        return self._elbo_terms(x, self._one_hot(y), generator)

    def elbo(self, x: Tensor, *, y: Tensor, generator: Generators = None) -> Tensor:  # type: ignore[override]
        """One-sample bound on ``log p(x | y)``, ``(B,)`` nats per example."""
        terms = self.elbo_terms(x, y=y, generator=generator)
        return terms.reconstruction - terms.kl

    def log_prob_bound(  # type: ignore[override]
        self, x: Tensor, num_particles: int, *, y: Tensor, generator: Generators = None
    ) -> Tensor:
        """Importance-weighted bound on ``log p(x | y)``, ``(B,)`` nats per example."""
        return self._log_prob_bound(x, self._one_hot(y), num_particles, generator)

    def encode(self, x: Tensor, *, y: Tensor) -> Tensor:  # type: ignore[override]
        """Posterior mean given the label, ``(B, latent_dim)``."""
        return self.net.posterior(x, self._one_hot(y)).mean

    def posterior_moments(self, x: Tensor, *, y: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Of each unit of ``q(z | x, y)``, mean and variance where ``p(z | y)`` has 0 and 1: ``(B, latent_dim)``."""
        return self._posterior_moments(x, self._one_hot(y))

    def decode(self, z: Tensor, *, y: Tensor) -> Tensor:  # type: ignore[override]
        """Expected example of class y, ``(B, *event_shape)`` on the data's own scale."""
        return self.net.likelihood.mean(self.net.params(z, self._one_hot(y)))

    def sample_latents(  # type: ignore[override]
        self, n: int, *, y: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, latent_dim)`` draws from the prior of each label."""
        p = self._prior(self._one_hot(y))
        return p.mean + torch.exp(0.5 * p.log_var) * normal(n, self.latent_dim, like=p.mean, generator=generator)

    def sample(  # type: ignore[override]
        self, n: int, *, y: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Ancestral samples of the classes y."""
        return self._sample(self.sample_latents(n, y=y, generator=generator), self._one_hot(y), generator)
