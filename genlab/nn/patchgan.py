"""PatchGAN: a discriminator that judges overlapping patches, each by itself.

"Image-to-Image Translation with Conditional Adversarial Networks", P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, 2017,
https://arxiv.org/abs/1611.07004 (its appendix has the layers)
"""

from __future__ import annotations

from torch import Tensor, nn

from genlab.nn.translation import instance_norm, normal_weights


def receptive_field(layers: int) -> int:
    """Side of the patch, pixels, that one output of `PatchGAN` sees: 16, 34, 70 for 1, 2, 3 layers.

    Going back through a 4x4 convolution of stride s, a field of r becomes ``s (r - 1) + 4``: twice s = 1, then
    ``layers`` times s = 2.
    """
    field = 7
    for _ in range(layers):
        field = 2 * (field - 1) + 4
    return field


def patch_layers(size: int) -> int:
    """Number of strided layers for pictures of this size: 3 as in the papers if 70 pixels fit in, else fewer.

    Patches are 16 pixels below size 34, then 34, then 70 from size 70 on.
    """
    return max(layers for layers in (1, 2, 3) if layers == 1 or receptive_field(layers) <= size)


class PatchGAN(nn.Module):
    """``(B, inputs, H, W) -> (B, 1, h, w)``: a logit or score for each patch, H and W at least ``4 * 2 ** (layers - 1)``.

    4x4 convolutions with leaky ReLU: ``layers`` of stride 2, two of stride 1; instance normalisation between the first
    and the last. No sigmoid: what the number means is up to the loss.

    Args:
        inputs: channels of the picture, or of condition and picture together.
        channels: width of the first layer; doubled at each further one, at most eight times.
        layers: how many strided ones; see `receptive_field`.
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
