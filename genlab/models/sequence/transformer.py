"""The transformer decoder: each step looks at all before it.

    a = h + O softmax(Q K^T / sqrt(d), causal) V   of norm(h),      h = a + MLP(norm(a))

"Attention Is All You Need", A. Vaswani and others, 2017, https://arxiv.org/abs/1706.03762; normalised before each part:
"Language Models are Unsupervised Multitask Learners", A. Radford and others, 2019; weights tied between input and
output: "Using the Output Embedding to Improve Language Models", O. Press, L. Wolf, 2017,
https://arxiv.org/abs/1608.05859; rotary positions: "RoFormer: Enhanced Transformer with Rotary Position Embedding",
J. Su and others, 2021, https://arxiv.org/abs/2104.09864
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models.conditions import Condition
from genlab.models.sequence.neural import NeuralSequence, Output
from genlab.nn.layers import Linear
from genlab.signatures.ranges import Positive, Unit

ROTARY_BASE = 10_000.0


class Past:
    """Keys and values of the steps that were read, ``(n, heads, window, d)``, of which ``count`` are filled."""

    def __init__(self, n: int, layers: int, heads: int, window: int, size: int, like: Tensor) -> None:
        self.keys, self.values = (like.new_zeros(layers, n, heads, window, size) for _ in "kv")
        self.count = 0


class Attention(nn.Module):
    """Causal self-attention.

    Args:
        width: of the features.
        heads: that attend apart.
        dropout: of the attention's weights.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)

    def forward(self, h: Tensor, turn: Tensor | None, past: tuple[Tensor, Tensor, int] | None) -> Tensor:
        """``(B, T, width)`` to the same.

        Args:
            h: features.
            turn: ``(2, T, d / 2)``, cosine and sine of each step's rotary angles; None: positions stand in ``h``.
            past: keys and values ``(B, heads, window, d)`` that are filled up to a count, and are filled further.
        """
        q, k, v = self.qkv(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        if turn is not None:
            q, k = rotated(q, turn), rotated(k, turn)
        drop = self.dropout if self.training else 0.0
        if past is None:
            found = F.scaled_dot_product_attention(q, k, v, dropout_p=drop, is_causal=True)
        else:
            keys, values, count = past
            end = count + q.shape[2]
            keys[:, :, count:end], values[:, :, count:end] = k, v
            seen = None
            if q.shape[2] > 1:
                at = torch.arange(end, device=h.device)
                seen = at[None] <= at[count:, None]
            found = F.scaled_dot_product_attention(q, keys[:, :, :end], values[:, :, :end], attn_mask=seen)
        return self.out(found.transpose(1, 2).flatten(2))


def rotated(x: Tensor, turn: Tensor) -> Tensor:
    """``x (B, heads, T, d)``, each pair of features turned by the angle of its step."""
    cos, sin = turn.to(x.dtype)
    one, other = x.chunk(2, -1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos], -1)


class Block(nn.Module):
    """Attention, then a network of each step by itself; both normalised before and added after."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(Linear(width, 4 * width), nn.GELU(), Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, h: Tensor, turn: Tensor | None, past: tuple[Tensor, Tensor, int] | None) -> Tensor:
        """``(B, T, width)`` to the same."""
        h = h + self.drop(self.attention(self.norm(h), turn, past))
        return h + self.drop(self.mlp(self.mlp_norm(h)))


class Transformer(NeuralSequence):
    """A transformer decoder of sequences.

    It reads as many steps as the data's examples have; a longer draw goes on from the later half of these.

    Args:
        spec: the data's type.
        layers: number of blocks.
        heads: of attention in each.
        width: of the features, a multiple of the heads.
        positions: "rotary" angles, or a "learned" vector of each place.
        tied: the output's weights are those of the input, of levels that have a vector each.
        dropout: of attention, of each part's result, and of the input.
        output: "categorical", or "logistic_mixture" of levels on a line.
        num_mixtures: components of the mixture.
        condition: "label" or "vector", or None.

    Raises:
        ConfigError: the data are no sequences of integer levels, or lack the condition; heads that do not fit.
    """

    turns: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        layers: Positive = 4,
        heads: Positive = 4,
        width: Positive = 128,
        positions: Literal["rotary", "learned"] = "rotary",
        tied: bool = True,
        dropout: Unit = 0.0,
        output: Output = "categorical",
        num_mixtures: Positive = 10,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(spec, width=width, output=output, num_mixtures=num_mixtures, condition=condition)
        if width % (2 * heads):
            raise ConfigError(f"model.width={width}: give a multiple of 2 x model.heads={heads}")
        self.heads = heads
        self.longest = max(2, self.length)
        self.places = nn.Embedding(self.longest, width) if positions == "learned" else None
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.register_buffer("turns", turns(self.longest, width // heads), persistent=False)
        self._begin(layers)
        if tied and self.steps.embedding is not None and output == "categorical":
            self.head.weight = self.steps.embedding.weight

    def _begin(self, layers: int) -> None:
        """As GPT-2 begins: small weights, smaller ones where blocks are added up."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                last = name.endswith(("attention.out.weight", "mlp.2.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * layers) ** 0.5 if last else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    @property
    def window(self) -> int:
        """As long as an example."""
        return self.longest

    def memory(self, n: int) -> Past:
        """Keys and values of all blocks."""
        size = self.head.in_features // self.heads
        return Past(n, len(self.blocks), self.heads, self.longest, size, self.start)

    def body(self, h: Tensor, memory: Past | None = None) -> Tensor:
        """See `NeuralSequence.body`.

        Raises:
            ValueError: more steps than the window.
        """
        begin = 0 if memory is None else memory.count
        end = begin + h.shape[1]
        if end > self.longest:
            raise ValueError(f"{end} steps: a transformer of this data reads {self.longest}")
        turn = None if self.places is not None else self.turns[:, begin:end]
        if self.places is not None:
            h = h + self.places.weight[begin:end]
        h = self.drop(h)
        for i, block in enumerate(self.blocks):
            past = None if memory is None else (memory.keys[i], memory.values[i], begin)
            h = block(h, turn, past)
        if memory is not None:
            memory.count = end
        return self.norm(h)


def turns(length: int, size: int) -> Tensor:
    """Cosine and sine of the rotary angles of each step, ``(2, length, size / 2)``."""
    rate = ROTARY_BASE ** (-torch.arange(0, size, 2) / size)
    angle = torch.arange(length)[:, None] * rate
    return torch.stack([angle.cos(), angle.sin()])
