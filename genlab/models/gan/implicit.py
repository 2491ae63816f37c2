"""Implicit models: a sample is a function of noise, and nothing else about the distribution is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.models.capabilities import DecodesLatents, Truncated
from genlab.models.scaled import Scaled
from genlab.ops.eval_mode import evaluating
from genlab.ops.random import normal, truncated_normal


class ImplicitModel(Scaled, DecodesLatents, Truncated):
    """``x = G(z), z ~ N(0, I)``, and the discriminator ``D`` that G is trained against.

    Pictures: G ends in tanh, D sees levels on ``[-1, 1]``, and a sample is the nearest level. So is a binary one: data
    are at the ends of tanh, where D drives G to. Vectors: G and D work on standardised coordinates.

    Args:
        spec: the data's type.
        latent_dim: size of z.
        generator: ``(B, latent_dim + extra) -> (B, *event_shape)``, in the network's coordinates.
        discriminator: ``(B, *event_shape) -> (B,)``, a logit: positive for what it takes for data.
    """

    def __init__(self, spec: DataSpec, *, latent_dim: int, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__(spec)
        self._latent_dim = latent_dim
        self.generator = generator
        self.discriminator = discriminator

    @property
    def latent_dim(self) -> int:
        """Size of z."""
        return self._latent_dim

    def generate(self, z: Tensor) -> Tensor:
        """``(B, latent_dim) -> (B, *event_shape)`` in the network's coordinates."""
        return self.generator(z)

    def judge(self, u: Tensor) -> Tensor:
        """Logits of examples in the network's coordinates, ``(B,)`` float32."""
        return self.discriminator(u).float()

    def sample_latents(
        self, n: int, *, truncation: float | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, latent_dim)`` standard normal numbers, with ``truncation`` given that none is beyond it."""
        if truncation is None:
            return normal(n, self.latent_dim, like=self.location, generator=generator)
        return truncated_normal(n, self.latent_dim, bound=truncation, like=self.location, generator=generator)

    @torch.no_grad()
    def sample(self, n: int, *, truncation: float | None = None, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws; a ``truncation`` is that of Brock et al. (2019), https://arxiv.org/abs/1809.11096."""
        z = self.sample_latents(n, truncation=truncation, generator=generator)
        with evaluating(self):
            return self.to_data(self.generate(z).float())

    def decode(self, z: Tensor) -> Tensor:
        """``G(z)`` on the data's own scale, before it is rounded to a level."""
        return self.on_scale(self.generate(z).float())
