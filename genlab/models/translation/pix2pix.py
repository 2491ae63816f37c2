"""pix2pix: translation learned from pairs.

A generator ``G(x, z)`` maps a picture x and noise z to another one; a discriminator ``D(x, y)`` sees x and y together
and tells true pairs from translations; see `genlab.objectives.conditional_adversarial` for the losses.

"Image-to-Image Translation with Conditional Adversarial Networks", P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, 2017,
https://arxiv.org/abs/1611.07004
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.models.translation.generators import UNetGenerator
from genlab.models.translation.patchgan import PatchGAN
from genlab.models.translation.translator import NetworkTranslator, patch_layers, width
from genlab.signatures.ranges import Positive, Unit


class Pix2Pix(NetworkTranslator):
    """A U-Net and a PatchGAN that is given the input.

    Args:
        spec: the data's type; the domains are paired.
        channels: width of the first layer of both networks; "auto": see `width`.
        dropout: the noise z, in training and in use: the share of inner values that are set to 0.
        patch: side of the patches that are judged: 16, 34 or 70; "auto": the largest that fits into the picture.

    Raises:
        ConfigError: the data are not pairs, or too small (for the patches).
    """

    needs = ("pairs", "image", "integers")

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: Positive | Literal["auto"] = "auto",
        dropout: Unit = 0.5,
        patch: Literal["auto", 16, 34, 70] = "auto",
    ) -> None:
        super().__init__(spec)
        depth, size = spec.event_shape[0], spec.event_shape[-1]
        channels = width(channels, size)
        layers = patch_layers(patch, size)
        self.generator = UNetGenerator(depth, depth, size=size, channels=channels, dropout=dropout)
        self.discriminator = PatchGAN(2 * depth, channels=channels, layers=layers, affine=True)

    @torch.no_grad()
    def translate(self, x_a: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """``G(x_a, z)``; ``generator`` draws z."""
        return self.to_data(self.generator(self.to_network(x_a), generator=generator))
