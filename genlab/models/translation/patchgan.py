"""PatchGAN: a discriminator that judges overlapping patches, each by itself.

"Image-to-Image Translation with Conditional Adversarial Networks", P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, 2017,
https://arxiv.org/abs/1611.07004 (its appendix has the layers)
"""

from __future__ import annotations

from torch import Tensor, nn

from genlab.models.translation.generators import instance_norm, normal_weights

PATCHES = (16, 34, 70)
"""Sides of the patches, pixels, that one output of `PatchGAN` sees with 1, 2, 3 strided layers."""


def patch_size(size: int) -> int:
    """The largest of `PATCHES` that fits into pictures of this size, at least 16; 70 as in the papers from 70 on."""
    return max(side for side in PATCHES if side <= max(size, PATCHES[0]))


def layers_of(patch: int) -> int:
    """How many strided layers see patches of this size."""
    return PATCHES.index(patch) + 1


class PatchGAN(nn.Module):
    """``(B, inputs, H, W) -> (B, 1, h, w)``: a number for each patch; H and W at least ``3 * 2 ** layers``.

    4x4 convolutions with leaky ReLU: ``layers`` of stride 2, two of stride 1; instance normalisation between the first
    and the last. No sigmoid: what the number means is up to the loss. Going back through a 4x4 convolution of stride s,
    a receptive field of r becomes ``s (r - 1) + 4``, which makes `PATCHES`.

    Args:
        inputs: channels of the picture, or of condition and picture together.
        channels: width of the first layer; doubled at each further one, at most eight times.
        layers: how many strided ones; see `layers_of`.
        affine: whether the normalisation has a learned scale and shift (pix2pix) or not (CycleGAN).
    """

    def __init__(self, inputs: int, *, channels: int, layers: int, affine: bool) -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(inputs, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        width = channels
        for level in range(1, layers + 1):
            wider = channels * min(2**level, 8)
            convolution = nn.Conv2d(width, wider, 4, stride=2 if level < layers else 1, padding=1, bias=False)
            body += [convolution, instance_norm(wider, affine=affine), nn.LeakyReLU(0.2)]
            width = wider
        self.body = nn.Sequential(*body, nn.Conv2d(width, 1, 4, padding=1))
        normal_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """The judgement of each patch."""
        return self.body(x)
