"""Implicit models: a sample is a function of noise, and nothing else about the distribution is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec, Space
from genlab.models.capabilities import DecodesLatents, Truncated
from genlab.models.conditions import check_condition, context
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
        given: what both are given: the generator reads the condition behind z, the discriminator takes it as it is,
            as its second argument.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: int,
        generator: nn.Module,
        discriminator: nn.Module,
        given: Space | None = None,
    ) -> None:
        super().__init__(spec)
        self.given = given
        self._latent_dim = latent_dim
        self.generator = generator
        self.discriminator = discriminator

    @property
    def latent_dim(self) -> int:
        """Size of z."""
        return self._latent_dim

    def generate(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B, latent_dim) -> (B, *event_shape)`` in the network's coordinates."""
        given = context(self.given, c)
        return self.generator(z if given is None else torch.cat([z, given.to(z)], 1))

    def judge(self, u: Tensor, c: Tensor | None = None) -> Tensor:
        """Logits of examples in the network's coordinates, or of pairs ``(u, c)``, ``(B,)`` float32."""
        check_condition(self.given, c)
        return (self.discriminator(u) if c is None else self.discriminator(u, c)).float()

    def sample_latents(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        truncation: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``(n, latent_dim)`` standard normal numbers, of any condition; none is beyond a given ``truncation``."""
        if truncation is None:
            return normal(n, self.latent_dim, like=self.location, generator=generator)
        return truncated_normal(n, self.latent_dim, bound=truncation, like=self.location, generator=generator)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        truncation: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``n`` draws; a ``truncation`` is that of Brock et al. (2019), https://arxiv.org/abs/1809.11096."""
        z = self.sample_latents(n, truncation=truncation, generator=generator)
        with evaluating(self):
            return self.to_data(self.generate(z, c).float())

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``G(z)`` on the data's own scale, before it is rounded to a level."""
        return self.on_scale(self.generate(z, c).float())
