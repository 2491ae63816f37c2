"""Networks from pictures to pictures: the generators of CycleGAN and pix2pix.

All of them take and give values on the scale -1 ... 1.

"Perceptual Losses for Real-Time Style Transfer and Super-Resolution", J. Johnson, A. Alahi, L. Fei-Fei, 2016,
https://arxiv.org/abs/1603.08155 (the residual generator; its supplement has the layers)
"U-Net: Convolutional Networks for Biomedical Image Segmentation", O. Ronneberger, P. Fischer, T. Brox, 2015,
https://arxiv.org/abs/1505.04597
"Instance Normalization: The Missing Ingredient for Fast Stylization", D. Ulyanov, A. Vedaldi, V. Lempitsky, 2016,
https://arxiv.org/abs/1607.08022
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.ops.random import uniform


def instance_norm(channels: int, *, affine: bool) -> nn.GroupNorm:
    """Each feature map of each picture to mean 0 and variance 1; then a learned scale and shift if ``affine``.

    As a group norm with one channel in each group: the same numbers as `nn.InstanceNorm2d`, twice as fast on the CPU.
    """
    return nn.GroupNorm(channels, channels, affine=affine)


@torch.no_grad()
def normal_weights(network: nn.Module, *, std: float = 0.02) -> None:
    """Weights of convolutions from N(0, std^2), scales of normalisations from N(1, std^2), all biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.normal_(0.0, std)
        elif isinstance(module, nn.GroupNorm) and module.affine:
            module.weight.normal_(1.0, std)
        else:
            continue
        if module.bias is not None:
            module.bias.zero_()


def residual_blocks(size: int) -> int:
    """How many residual blocks CycleGAN has for pictures of this size: 6 as in the paper, and 9 from 256 pixels on.

    Below 16 pixels 2: more of them see all of a tiny picture, and learn to make another one of it.
    """
    return 9 if size >= 256 else 6 if size >= 16 else 2


def halvings(size: int) -> int:
    """How often CycleGAN halves pictures of this size: twice as in the paper; below 16 pixels never, likewise."""
    return 2 if size >= 16 else 0


class ReflectedBlock(nn.Module):
    """``h + IN(conv(relu(IN(conv(h)))))`` with 3x3 convolutions on reflected borders, ``(B, C, H, W)``, H, W >= 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_reflected(channels, channels, kernel_size=3), nn.ReLU(), *_reflected(channels, channels, kernel_size=3)
        )

    def forward(self, h: Tensor) -> Tensor:
        """Add the block's update to ``h``."""
        return h + self.body(h)


class ResNetGenerator(nn.Module):
    """``(B, inputs, H, W) -> (B, outputs, H, W)`` of any height and width.

    A 7x7 convolution, strided 3x3 convolutions (down to a quarter of the size), residual blocks, transposed
    convolutions back up, a 7x7 convolution, tanh; instance normalisation after all but the last. A convolution with a
    normalisation behind it has no bias, which that would take out again. Pictures that cannot be halved so often are
    padded by repeating their last row and column, and the result is cut.

    Args:
        inputs: channels of the input.
        outputs: channels of the result.
        channels: width at full size; doubled at each halving.
        blocks: number of residual blocks.
        halvings: how often the picture is halved on the way down.
    """

    def __init__(self, inputs: int, outputs: int, *, channels: int, blocks: int, halvings: int = 2) -> None:
        super().__init__()
        self.multiple = 2**halvings
        layers: list[nn.Module] = [*_reflected(inputs, channels, kernel_size=7), nn.ReLU()]
        width = channels
        for _ in range(halvings):
            down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
            layers += [down, instance_norm(2 * width, affine=False), nn.ReLU()]
            width *= 2
        layers += [ReflectedBlock(width) for _ in range(blocks)]
        for _ in range(halvings):
            up = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=False)
            layers += [up, instance_norm(width // 2, affine=False), nn.ReLU()]
            width //= 2
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(channels, outputs, 7), nn.Tanh()]
        self.body = nn.Sequential(*layers)
        normal_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """The translated picture."""
        height, width = x.shape[-2:]
        # two pixels at the bottom, for one has nothing to reflect and no variance; four at the top for its borders of 3
        below, right = (max(2 * self.multiple - side, 4 - side, -side % self.multiple) for side in (height, width))
        if below or right:
            x = F.pad(x, (0, right, 0, below), mode="replicate")
        return self.body(x)[..., :height, :width]


def _reflected(inputs: int, outputs: int, *, kernel_size: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """A normalised convolution that keeps the size; the border reflects the picture."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size, bias=False)
    return nn.ReflectionPad2d(kernel_size // 2), convolution, instance_norm(outputs, affine=False)


class UNetGenerator(nn.Module):
    """``(B, inputs, S, S) -> (B, outputs, S, S)``: down to one pixel and up again, with a bridge at every size.

    ``depth`` strided 4x4 convolutions and as many transposed ones; what comes up at a size meets what went down at
    it. Width ``channels``, doubled at each halving, at most eight times. The first and the last layer are not
    normalised, nor is the innermost if it is down to one pixel; as in the authors' code, only the last has a bias.
    With batches of one picture, as in the paper, batch normalisation is instance normalisation, which is used here for
    all batches: no translation depends on what else is in its batch.

    Noise enters as dropout in the first three layers of the way up, in use as in training.

    Args:
        inputs: channels of the input.
        outputs: channels of the result.
        size: S, at least 2; inside, the picture is padded as `ResNetGenerator` does.
        channels: width at the first halving.
        dropout: share of the values that are set to 0.
    """

    def __init__(self, inputs: int, outputs: int, *, size: int, channels: int, dropout: float) -> None:
        super().__init__()
        depth = size.bit_length() - 1
        self.padding = -size % 2**depth
        self.dropout = dropout
        widths = [channels * min(2**level, 8) for level in range(depth)]
        bottom = (size + self.padding) >> depth
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            normalised = level > 0 and (level < depth - 1 or bottom > 1)
            before = inputs if level == 0 else widths[level - 1]
            layers: list[nn.Module] = [nn.LeakyReLU(0.2)] if level > 0 else []
            layers.append(nn.Conv2d(before, width, 4, stride=2, padding=1, bias=False))
            self.down.append(nn.Sequential(*layers, *([instance_norm(width, affine=True)] if normalised else [])))
        for level in reversed(range(depth)):
            before = widths[level] if level == depth - 1 else 2 * widths[level]
            after = outputs if level == 0 else widths[level - 1]
            layers = [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=level == 0)]
            self.up.append(nn.Sequential(*layers, nn.Tanh() if level == 0 else instance_norm(after, affine=True)))
        normal_weights(self)

    def forward(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """The translated picture; ``generator`` is of the dropout."""
        size = x.shape[-1]
        h = F.pad(x, (0, self.padding, 0, self.padding), mode="replicate")
        bridges: list[Tensor] = []
        for down in self.down:
            h = down(h)
            bridges.append(h)
        bridges.pop()
        for level, up in enumerate(self.up):
            h = up(h)
            if level < 3 and bridges and self.dropout > 0:  # not on the picture itself
                h = _dropped(h, self.dropout, generator=generator)
            if bridges:
                h = torch.cat([h, bridges.pop()], 1)
        return h[..., :size, :size]


def _dropped(h: Tensor, share: float, *, generator: torch.Generator | None) -> Tensor:
    """Dropout that takes its noise from ``generator``, and does not stop when training does."""
    kept = uniform(*h.shape, like=h, generator=generator) >= share
    return h * kept / (1 - share)
