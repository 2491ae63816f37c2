"""What maps pictures of one domain to another: types as those of `genlab.models.capabilities`, without samples."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec


class Translator(nn.Module):
    """Maps pictures of a domain A to a domain B; has no unconditional samples.

    Attributes:
        spec: the type of the pictures of both domains.
    """

    spec: DataSpec

    @abstractmethod
    def translate(self, x_a: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """``(B, *event_shape) uint8 -> (B, *event_shape) uint8``; ``generator`` is of its noise, if it has any."""


class TwoWayTranslator(Translator):
    """Also knows the way back."""

    @abstractmethod
    def translate_back(self, x_b: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """From B to A; otherwise as `translate`."""


class FullyConvolutional(Translator):
    """Translates pictures of any height and width, each at the size it has."""
