"""Networks that read an example with noise on it, and how much: one for each kind of space.

All are functions ``(x: (B, *event), noise: (B,), context: (B, W) or None) -> (B, *event)``, and start as zero.
``noise`` says how much of it there is, between 0 (none) and 1, by whatever measure the model likes.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.nn.layers import Linear


class NoiseNetwork(nn.Module):
    """``(x: (B, *event), noise: (B,), context: (B, W) | None) -> (B, *event)``."""

    @abstractmethod
    def forward(self, x: Tensor, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """What the network says of ``x``; ``context`` is None where the network was made for none."""


class NoiseEmbedding(nn.Module):
    """How much noise there is, and the context if there is one, as features ``(B, width)`` that all blocks read.

    The noise is read by sines and cosines of geometric frequencies (Vaswani et al., 2017; Ho et al., 2020).

    Args:
        width: of the features.
        context: W; 0: there is none.
    """

    FREQUENCIES = 32

    frequencies: Tensor

    def __init__(self, width: int, *, context: int) -> None:
        super().__init__()
        spread = torch.linspace(0, math.log(1000), self.FREQUENCIES).exp()
        self.register_buffer("frequencies", spread, persistent=False)
        self.noise = Linear(2 * self.FREQUENCIES, width)
        self.context = Linear(context, width) if context else None
        self.out = Linear(width, width)

    def forward(self, noise: Tensor, context: Tensor | None) -> Tensor:
        """``(B, width)``, to be read after an activation."""
        phase = noise[:, None] * self.frequencies
        h = self.noise(torch.cat([phase.sin(), phase.cos()], 1))
        if self.context is not None:
            h = h + self.context(context)
        return self.out(F.silu(h))


class ResidualPerceptron(NoiseNetwork):
    """Of vectors: residual blocks of two layers, which the noise scales and shifts; ``x`` is read by waves as well.

    A perceptron is slow to learn what varies within a tenth of its inputs' spread, and the sine and cosine of a few
    directions of ``x`` say it to the first layer.

    Args:
        shape: of an example.
        context: W; 0: there is none.
        width: of the hidden layers.
        blocks: how many.
        dropout: of the hidden units in a block.

    "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains", M. Tancik and others,
    2020, https://arxiv.org/abs/2006.10739
    """

    WAVES = 64

    def __init__(self, shape: tuple[int, ...], *, context: int, width: int, blocks: int, dropout: float = 0.0) -> None:
        super().__init__()
        dim = math.prod(shape)
        self.waves = Linear(dim, self.WAVES)
        nn.init.normal_(self.waves.weight, std=4.0 / math.sqrt(dim))
        self.embedding = NoiseEmbedding(width, context=context)
        self.stem = Linear(dim + 2 * self.WAVES, width)
        self.blocks = nn.ModuleList(_PerceptronBlock(width, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = Linear(width, dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """As in `NoiseNetwork`."""
        flat = x.flatten(1)
        phase, level = self.waves(flat), F.silu(self.embedding(noise, context))
        h = self.stem(torch.cat([flat, phase.sin(), phase.cos()], 1))
        for block in self.blocks:
            h = block(h, level)
        return self.head(F.silu(self.norm(h))).view_as(x)


class _PerceptronBlock(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)
        self.level = Linear(width, 2 * width)
        self.first = Linear(width, width)
        self.second = Linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, h: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.level(level).chunk(2, 1)
        update = self.norm(h) * (1 + scale) + shift
        return h + self.second(self.drop(F.silu(self.first(F.silu(update)))))
