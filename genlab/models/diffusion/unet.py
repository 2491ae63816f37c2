"""A U-Net with attention that reads how much noise there is: of images, of sound, of any size.

"U-Net: Convolutional Networks for Biomedical Image Segmentation", O. Ronneberger, P. Fischer, T. Brox, 2015,
https://arxiv.org/abs/1505.04597
"Denoising Diffusion Probabilistic Models", J. Ho, A. Jain, P. Abbeel, 2020, https://arxiv.org/abs/2006.11239
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.models.diffusion.listening import CrossAttention, Said
from genlab.models.diffusion.noise_networks import NoiseEmbedding, NoiseNetwork
from genlab.nn.layers import Linear

WIDEST = 2
"""Deeper than the first size, as many times as wide."""


@dataclass(frozen=True)
class Shape:
    """What a U-Net is made of.

    Attributes:
        width: channels at full size, twice as many below; a multiple of 8.
        blocks: residual blocks at each size, on the way down and again on the way up.
        attention: at sizes of at most this many places.
        factor: by which one size is smaller than the one before, in each direction.
        coarsest: sizes are made smaller as long as a side is longer than this.
        dropout: of the hidden channels in a block.
        said: width of a text's states, at which all sizes but the full one look; 0: there is no text.
    """

    width: int
    blocks: int
    attention: int
    factor: int = 2
    coarsest: int = 7
    dropout: float = 0.0
    said: int = 0


class FineDetail(nn.Module):
    """``x`` and, of integers, waves of it that turn once and half from level to level (Kingma et al., 2021, C).

    The last noise to be taken away is narrower than the distance of two levels: a network that computes in a few bits
    would not see it. These channels do, and are computed in float32.

    Args:
        levels: of the data, between -1 and 1; None: real numbers.
    """

    def __init__(self, levels: int | None) -> None:
        super().__init__()
        turn = 0.0 if levels is None or levels < 8 else math.pi * (levels - 1)
        self.turns = (turn, turn / 2) if turn else ()

    @property
    def times(self) -> int:
        """Channels for each of ``x``."""
        return 1 + 2 * len(self.turns)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, ...) -> (B, times C, ...)``."""
        waves = [wave for turn in self.turns for wave in ((turn * x).sin(), (turn * x).cos())]
        return torch.cat([x, *waves], 1)


class UNet(NoiseNetwork):
    """``(B, C, L)`` or ``(B, C, H, W)``, of any size: odd sides are halved upwards, and come back as they were.

    Args:
        channels: C.
        sides: L, or H and W.
        shape: of the network.
        context: W; 0: there is none.
        levels: of the data; None: real numbers.
        beside: channels that are known, and that it reads beside x.
    """

    def __init__(
        self, channels: int, sides: tuple[int, ...], *, shape: Shape, context: int, levels: int | None, beside: int = 0
    ) -> None:
        super().__init__()
        self.sizes = [sides]
        while max(self.sizes[-1]) > shape.coarsest:
            self.sizes.append(tuple(math.ceil(side / shape.factor) for side in self.sizes[-1]))
        widths = [shape.width * (1 if depth == 0 else WIDEST) for depth in range(len(self.sizes))]
        dims, embedded = len(sides), 4 * shape.width

        def block(inputs: int, outputs: int, size: tuple[int, ...]) -> _Block:
            attends = math.prod(size) <= shape.attention
            full = size == sides and len(self.sizes) > 1
            listens = CrossAttention(outputs, size, width=shape.said) if shape.said and not full else None
            return _Block(inputs, outputs, embedded, dims=dims, attends=attends, listens=listens, dropout=shape.dropout)

        self.embedding = NoiseEmbedding(embedded, context=context)
        self.detail = FineDetail(levels)
        self.stem = _conv(dims, channels * self.detail.times + beside, widths[0])
        self.shrink = (nn.AvgPool1d if dims == 1 else nn.AvgPool2d)(shape.factor, ceil_mode=True)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        inputs = widths[0]
        for width, size in zip(widths, self.sizes, strict=True):
            firsts = [inputs] + [width] * (shape.blocks - 1)
            self.down.append(nn.ModuleList(block(first, width, size) for first in firsts))
            inputs = width
        self.middle = block(inputs, inputs, self.sizes[-1])
        for width, size in zip(widths[::-1], self.sizes[::-1], strict=True):
            firsts = [inputs + width] + [2 * width] * (shape.blocks - 1)
            self.up.append(nn.ModuleList(block(first, width, size) for first in firsts))
            inputs = width
        self.norm = nn.GroupNorm(8, inputs)
        self.head = _zero(_conv(dims, inputs, channels))
        if dims == 2:
            self.to(memory_format=torch.channels_last)

    def forward(
        self,
        x: Tensor,
        noise: Tensor,
        context: Tensor | None = None,
        *,
        beside: Tensor | None = None,
        said: Said | None = None,
    ) -> Tensor:
        """As in `NoiseNetwork`; ``beside`` are channels of the size of x, ``said`` is the text, if there is one."""
        level = F.silu(self.embedding(noise, context))
        h = self.detail(x) if beside is None else torch.cat([self.detail(x), beside], 1)
        h = self.stem(h.contiguous(memory_format=torch.channels_last) if h.ndim == 4 else h)
        seen = []
        for depth, blocks in enumerate(self.down):
            h = h if depth == 0 else self.shrink(h)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, level, said)
                seen.append(h)
        h = self.middle(h, level, said)
        for size, blocks in zip(self.sizes[::-1], self.up, strict=True):
            h = h if h.shape[2:] == size else F.interpolate(h, size=size)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(torch.cat([h, seen.pop()], 1), level, said)
        return self.head(F.silu(self.norm(h)))


class _Block(nn.Module):
    """Two convolutions that the noise scales and shifts, then attention if the size is small enough, also to a text."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        embedded: int,
        *,
        dims: int,
        attends: bool,
        listens: CrossAttention | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = _conv(dims, inputs, outputs)
        self.level = Linear(embedded, 2 * outputs)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.drop = nn.Dropout(dropout)
        self.conv2 = _zero(_conv(dims, outputs, outputs))
        self.across = nn.Identity() if inputs == outputs else _conv(dims, inputs, outputs, kernel=1)
        self.attention = _Attention(outputs) if attends else nn.Identity()
        self.listens = listens

    def forward(self, h: Tensor, level: Tensor, said: Said | None) -> Tensor:
        scale, shift = self.level(level).view(len(h), -1, *(1,) * (h.ndim - 2)).chunk(2, 1)
        update = self.norm2(self.conv1(F.silu(self.norm1(h)))) * (1 + scale) + shift
        h = self.attention(self.across(h) + self.conv2(self.drop(F.silu(update))))
        return h if self.listens is None or said is None else self.listens(h, said)


class _Attention(nn.Module):
    """Each place looks at all others: ``h + O softmax(Q K^T / sqrt(d)) V`` of ``norm(h)``, in heads of 32 channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // 32)
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = Linear(channels, 3 * channels)
        self.out = _zero(Linear(channels, channels))

    def forward(self, h: Tensor) -> Tensor:
        places = self.norm(h).flatten(2).mT
        q, k, v = self.qkv(places).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return h + self.out(found).mT.reshape(h.shape)


def _conv(dims: int, inputs: int, outputs: int, *, kernel: int = 3) -> nn.Module:
    return (nn.Conv1d if dims == 1 else nn.Conv2d)(inputs, outputs, kernel, padding=kernel // 2)


def _zero(layer: nn.Module) -> nn.Module:
    """``layer`` as the constant 0."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
