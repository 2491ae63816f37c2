"""Convolutional generator and discriminator of a DCGAN, for pictures whose field can be doubled up to their size.

A field of 4x4 (7x7 for MNIST's 28x28) is doubled by transposed convolutions; the discriminator is its mirror. No
pooling and no hidden perceptron; batch normalisation except at the pictures' side.

"Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks", A. Radford, L. Metz,
S. Chintala, 2016, https://arxiv.org/abs/1511.06434
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from genlab.data.doubling import doublings

Norm = Literal["batch", "layer", "none"]

WIDEST = 8
"""Beyond a field of 8 x channels no layer is wider."""


def widths(channels: int, count: int) -> list[int]:
    """Feature maps from the pictures' side inwards: ``channels`` doubled at each halving, at most `WIDEST` times it."""
    return [channels * min(2**level, WIDEST) for level in range(count)]


def normalised(channels: int, norm: Norm) -> list[nn.Module]:
    """The layers of a normalisation: none, or one."""
    if norm == "none":
        return []
    return [nn.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(1, channels)]


class Generator(nn.Module):
    """``(B, inputs) -> (B, C, H, W)`` in ``[-1, 1]``.

    Args:
        shape: ``(C, H, W)``, with sides that `doublings` admits.
        channels: feature maps of the last hidden layer; twice as many at each halving inwards.
        inputs: size of the noise.
    """

    def __init__(self, shape: tuple[int, ...], *, channels: int, inputs: int) -> None:
        super().__init__()
        depth, height, across = shape
        count = doublings(height, across)
        assert count is not None
        sizes = widths(channels, count)[::-1]
        field = (height >> count, across >> count)
        layers: list[nn.Module] = [nn.ConvTranspose2d(inputs, sizes[0], field, bias=False)]
        for width, narrower in zip(sizes, [*sizes[1:], None], strict=True):
            last = narrower is None
            layers += [*normalised(width, "batch"), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(width, narrower or depth, 4, stride=2, padding=1, bias=last))
        self.body = nn.Sequential(*layers, nn.Tanh())
        initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        """Pictures."""
        return self.body(z[:, :, None, None].contiguous(memory_format=torch.channels_last))


class Discriminator(nn.Module):
    """``(B, C, H, W) -> (B,)``: a logit; where there are classes, that of the pair ``(u, y)``, by projection.

        V(u, y) = w . h(u) + e_y . sum_positions h(u)

    "cGANs with Projection Discriminator", T. Miyato, M. Koyama, 2018, https://arxiv.org/abs/1802.05637

    Args:
        shape: ``(C, H, W)``, with sides that `doublings` admits.
        channels: feature maps of the first layer; doubled at each halving.
        norm: of all layers but the first and the last.
        num_classes: None where there are none.
    """

    def __init__(self, shape: tuple[int, ...], *, channels: int, norm: Norm, num_classes: int | None = None) -> None:
        super().__init__()
        depth, height, across = shape
        count = doublings(height, across)
        assert count is not None
        layers: list[nn.Module] = []
        for level, width in enumerate(widths(channels, count)):
            own: Norm = norm if level else "none"
            layers += [nn.Conv2d(depth, width, 4, stride=2, padding=1, bias=own == "none"), *normalised(width, own)]
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            depth = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Conv2d(depth, 1, (height >> count, across >> count))
        self.classes = None if num_classes is None else nn.Embedding(num_classes, depth)
        initialise(self)

    def forward(self, u: Tensor, y: Tensor | None = None) -> Tensor:
        """Logits."""
        h = self.body(u.contiguous(memory_format=torch.channels_last))
        logit = self.head(h).flatten()
        return logit if self.classes is None else logit + (self.classes(y) * h.sum((2, 3))).sum(1)


def initialise(network: nn.Module) -> None:
    """Radford et al. (2016): weights from N(0, 0.02), those of normalisations from N(1, 0.02), biases zero.

    Convolutions are laid out channels last, which the CPU's and the GPU's kernels want.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, 0.02)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    network.to(memory_format=torch.channels_last)
