"""What the translators have in common: 8-bit pictures outside, the scale of tanh inside."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models.translating import Translator
from genlab.models.translation.patchgan import layers_of, patch_size

SMALLEST = 8
"""Side, pixels: below it nothing is left to judge after the discriminator's strided layers."""


class NetworkTranslator(Translator):
    """A translator whose networks work on ``u = 2 x / (L - 1) - 1``, from -1 (level 0) to 1 (level L - 1).

    Args:
        spec: the data's type.

    Raises:
        ConfigError: the data are of another layout, or too small.
    """

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        require(type(self), spec)
        assert spec.levels is not None
        if min(spec.event_shape[1:]) < SMALLEST:
            raise ConfigError(f"data.size={min(spec.event_shape[1:])}: a PatchGAN needs at least {SMALLEST} pixels")
        self.spec = spec
        self.top = spec.levels - 1

    def to_network(self, x: Tensor) -> Tensor:
        """Levels -> ``u``, float32."""
        return x.float() * (2 / self.top) - 1

    def to_data(self, u: Tensor) -> Tensor:
        """``u`` -> the nearest level."""
        return ((u.float() + 1) * (self.top / 2)).round().clamp(0, self.top).to(self.spec.dtype)


def patch_layers(patch: int | Literal["auto"], size: int) -> int:
    """Strided layers of a PatchGAN that judges patches of a side, pixels, in pictures of ``size``.

    Raises:
        ConfigError: such a discriminator would have nothing left to judge.
    """
    layers = layers_of(patch_size(size) if patch == "auto" else patch)
    if size < 3 * 2**layers:
        raise ConfigError(
            f"model.patch={patch} needs pictures of at least {3 * 2**layers} pixels; use model.patch=auto"
        )
    return layers


def width(channels: int | Literal["auto"], size: int) -> int:
    """The first layer's width; "auto": 64 as in the papers, 32 for pictures below 64 pixels."""
    if channels == "auto":
        return 64 if size >= 64 else 32
    return channels
