"""Attention of a picture's places to the tokens of a text: cross-attention.

"High-Resolution Image Synthesis with Latent Diffusion Models", R. Rombach, A. Blattmann, D. Lorenz, P. Esser, B. Ommer,
2022, https://arxiv.org/abs/2112.10752 (section 3.3)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.nn.layers import Linear

HEADS = 4


class Said(NamedTuple):
    """A text, as places look at it.

    Attributes:
        states: ``(B, L, W)``, of its tokens.
        present: ``(B, 1)``, 1, or 0 of a text that is hidden and says nothing.
    """

    states: Tensor
    present: Tensor


class CrossAttention(nn.Module):
    """Each place looks at all tokens: ``h + O softmax(Q K^T / sqrt(d)) V``, Q of ``norm(h) + p``, K and V of the text.

    ``p`` is learned for each place: "above" and "left of" mean places, of which convolutions know little. Its scale at
    the beginning is that of ``norm(h)``, and O is not 0: what the text says reaches the picture from the first step on.

    Args:
        channels: of the places, a multiple of 8.
        size: of the picture, ``(L,)`` or ``(H, W)``.
        width: of the tokens' states.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.places = nn.Parameter(torch.randn(math.prod(size), channels))
        self.q = Linear(channels, channels)
        self.kv = Linear(width, 2 * channels)
        self.out = Linear(channels, channels)

    def forward(self, h: Tensor, said: Said) -> Tensor:
        """``(B, C, *size) -> (B, C, *size)``, unchanged where nothing is said."""
        q = self.q(self.norm(h).flatten(2).mT + self.places)
        k, v = self.kv(said.states).chunk(2, 2)
        q, k, v = (each.unflatten(2, (HEADS, -1)).transpose(1, 2) for each in (q, k, v))
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return h + (self.out(found) * said.present[:, :, None]).mT.reshape(h.shape)
