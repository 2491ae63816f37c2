"""Multilayer perceptrons and convolutional encoders and decoders of any picture size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from genlab.nn.layers import Linear


def mlp(
    inputs: int, hidden: Sequence[int], outputs: int, *, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """``(B, inputs) -> (B, outputs)``: linear layers with ``activation`` between them; no hidden width: linear."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [Linear(inputs, width), activation()]
        inputs = width
    return nn.Sequential(*layers, Linear(inputs, outputs))


def halvings(size: int) -> list[int]:
    """Side lengths from ``size`` down to 4 or less, each half of the one before, rounded up: 28, 14, 7, 4."""
    sizes = [size]
    while sizes[-1] > 4:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


class ResidualBlock(nn.Module):
    """``(B, C, H, W) -> (B, C, H, W)``: two 3x3 convolutions with group normalisation (He et al., 2016).

    Args:
        channels: C.
        dropout: the share of maps that training leaves out between the convolutions.
    """

    def __init__(self, channels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
        self.norm1 = nn.GroupNorm(groups, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Add the block's update to ``h``."""
        update = F.silu(self.norm2(self.conv1(F.silu(self.norm1(h)))))
        if self.dropout:
            update = F.dropout2d(update, self.dropout, self.training)
        return h + self.conv2(update)


class ConvEncoder(nn.Module):
    """``(B, C, H, W) float -> (B, outputs)``: residual blocks and strided convolutions down to 4x4 or less.

    Args:
        shape: ``(C, H, W)``; H and W need not be powers of two.
        channels: width at full resolution; doubled at each halving, at most four times.
        outputs: size of the result.
    """

    def __init__(self, shape: tuple[int, ...], *, channels: int, outputs: int) -> None:
        super().__init__()
        depth, heights, widths = shape[0], halvings(shape[1]), halvings(shape[2])
        steps = max(len(heights), len(widths)) - 1
        layers: list[nn.Module] = [nn.Conv2d(depth, channels, 3, padding=1)]
        width, height, across = channels, shape[1], shape[2]
        for level in range(steps):
            deeper = channels * min(2 ** (level + 1), 4)
            layers += [nn.Conv2d(width, deeper, 3, stride=2, padding=1), ResidualBlock(deeper)]
            width, height, across = deeper, (height + 1) // 2, (across + 1) // 2
        self.body = nn.Sequential(*layers, nn.SiLU(), nn.Flatten())
        self.head = Linear(width * height * across, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Features of a picture."""
        return self.head(self.body(x))


class ConvDecoder(nn.Module):
    """``(B, inputs) -> (B, out_channels, H, W)``: mirror of `ConvEncoder`, nearest-neighbour upsampling."""

    def __init__(self, shape: tuple[int, ...], *, channels: int, inputs: int, out_channels: int) -> None:
        super().__init__()
        heights, widths = halvings(shape[1]), halvings(shape[2])
        steps = max(len(heights), len(widths)) - 1
        sizes = [(shape[1], shape[2])]
        for _ in range(steps):
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        self.sizes = sizes[::-1]
        width = channels * min(2**steps, 4)
        self.base = (width, *self.sizes[0])
        self.stem = Linear(inputs, width * self.sizes[0][0] * self.sizes[0][1])
        self.blocks, self.narrow = nn.ModuleList(), nn.ModuleList()
        for level in range(steps, 0, -1):
            shallower = channels * min(2 ** (level - 1), 4)
            self.blocks.append(ResidualBlock(width))
            self.narrow.append(nn.Conv2d(width, shallower, 3, padding=1))
            width = shallower
        self.head = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Parameters of the pixels' distribution."""
        h = self.stem(z).view(-1, *self.base)
        for block, narrow, size in zip(self.blocks, self.narrow, self.sizes[1:], strict=True):
            h = narrow(F.interpolate(block(h), size=size))
        return self.head(F.silu(h))
