"""What bits back needs of a model: its posterior and its prior, level by level, and what latents say of data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from typing import NamedTuple

from torch import Tensor

from genlab.models.capabilities import LikelihoodBound


class LevelNormals(NamedTuple):
    """One level's normals given the latents above it, means and log variances ``(n, ...)``.

    Attributes:
        p: the prior's.
        q: the posterior's; None where no example is given.
    """

    p: tuple[Tensor, Tensor]
    q: tuple[Tensor, Tensor] | None


Descent = Generator[LevelNormals, Tensor, Tensor]
"""Yields a level, the highest first, is sent its latents ``(n, ...)``, and at last returns what they say of the data:
``(n, D, levels)`` nats of each level of each of its values, which are independent given the latents."""


class GaussianLatents(LikelihoodBound):
    """Has latents that are normal given those above them, in prior and posterior, and independent within a level."""

    @abstractmethod
    def descend(self, n: int, c: Tensor | None = None, *, x: Tensor | None = None) -> Descent:
        """Of ``n`` examples: see `Descent`. With ``x (n, *event_shape)``, real, the posteriors are told as well."""
