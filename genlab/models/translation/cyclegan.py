"""CycleGAN: translation between two domains without pairs.

Two generators ``G: A -> B`` and ``F: B -> A`` are to undo each other, and two discriminators ``D_B`` and ``D_A`` tell
the pictures of a domain from translations into it; see `genlab.objectives.cycle_consistency` for the losses.

"Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", J.-Y. Zhu, T. Park, P. Isola,
A. A. Efros, 2017, https://arxiv.org/abs/1703.10593
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.models.translating import FullyConvolutional, TwoWayTranslator
from genlab.models.translation.generators import ResNetGenerator, halvings, residual_blocks
from genlab.models.translation.patchgan import PatchGAN
from genlab.models.translation.translator import NetworkTranslator, patch_layers, width
from genlab.signatures.ranges import Positive


class CycleGAN(NetworkTranslator, TwoWayTranslator, FullyConvolutional):
    """Two residual generators and two PatchGANs.

    Args:
        spec: the data's type; the domains are unpaired.
        channels: width of the first layer of all four networks; "auto": see `width`.
        blocks: residual blocks of a generator; "auto": 6, from 256 pixels on 9, below 16 pixels 2.
        patch: side of the patches that are judged: 16, 34 or 70; "auto": the largest that fits into the picture.

    Raises:
        ConfigError: the data are not two unpaired domains, or too small (for the patches).
    """

    needs = ("unpaired", "image", "integers")

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: Positive | Literal["auto"] = "auto",
        blocks: Positive | Literal["auto"] = "auto",
        patch: Literal["auto", 16, 34, 70] = "auto",
    ) -> None:
        super().__init__(spec)
        depth, size = spec.event_shape[0], min(spec.event_shape[1:])
        channels = width(channels, size)
        blocks = residual_blocks(size) if blocks == "auto" else blocks
        layers = patch_layers(patch, size)

        def generator() -> ResNetGenerator:
            return ResNetGenerator(depth, depth, channels=channels, blocks=blocks, halvings=halvings(size))

        self.a_to_b, self.b_to_a = generator(), generator()
        self.discriminator_a, self.discriminator_b = (
            PatchGAN(depth, channels=channels, layers=layers, affine=False) for _ in "ab"
        )

    @torch.no_grad()
    def translate(self, x_a: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """``G(x_a)``, of any height and width; there is no noise in it."""
        return self.to_data(self.a_to_b(self.to_network(x_a)))

    @torch.no_grad()
    def translate_back(self, x_b: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """``F(x_b)``, of any height and width; there is no noise in it."""
        return self.to_data(self.b_to_a(self.to_network(x_b)))
