"""The capability of models whose latents come in levels, each given those above it.

Level 1 is the lowest, next to the data; level L the highest, which is drawn first: ``p(z) = p(z_L) prod_i p(z_i |
z_>i)``, and the posterior goes the same way down, so that the KL of the bound is a sum over levels.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from torch import Tensor

from genlab.models.capabilities import ApproximatePosterior, DecodesLatents, ELBOTerms, ItemisedBound, LatentBound
from genlab.ops.random import Generators


class LevelTerms(NamedTuple):
    """The ELBO with its KL level by level: ``elbo = reconstruction - kl.sum(1)``.

    Attributes:
        reconstruction: ``(B,)`` nats.
        kl: ``(B, L)`` nats, the lowest level first.
    """

    reconstruction: Tensor
    kl: Tensor


class LatentLevels(LatentBound, ItemisedBound, ApproximatePosterior, DecodesLatents):
    """Has latents in levels.

    ``sample_latents``, ``encode`` and ``decode`` speak of all levels in one vector, the lowest first, each in the units
    of its prior: ``(z_i - mu_i(z_>i)) / sigma_i(z_>i)``. Those are standard normal and independent, so a level can be
    changed alone: what is below it follows.
    """

    @property
    @abstractmethod
    def level_dims(self) -> tuple[int, ...]:
        """Latent dimensions of each level, the lowest first; they add up to ``latent_dim``."""

    @abstractmethod
    def level_terms(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> LevelTerms:
        """The parts of the one-sample ELBO; each level's KL is in closed form given the levels above it."""

    @property
    def latent_dim(self) -> int:
        """Latent dimensions of all levels."""
        return sum(self.level_dims)

    def elbo_terms(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> ELBOTerms:
        """The parts, the KL of all levels together."""
        terms = self.level_terms(x, c, generator=generator)
        return ELBOTerms(terms.reconstruction, terms.kl.sum(1))

    def elbo(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> Tensor:
        """One-sample evidence lower bound, ``(B,)`` nats per example."""
        terms = self.elbo_terms(x, c, generator=generator)
        return terms.reconstruction - terms.kl


def level_slice(model: LatentLevels, level: int) -> slice:
    """Where a level, counted from 1, lies in the vector of all latents."""
    start = sum(model.level_dims[: level - 1])
    return slice(start, start + model.level_dims[level - 1])
