"""Networks that are given a text: a small transformer reads it, and what it says is the context of all blocks.

"Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding", C. Saharia and others, 2022,
https://arxiv.org/abs/2205.11487, whose text encoder is large and learned before.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.data.spaces import Tokens
from genlab.models.diffusion.noise_networks import NoiseNetwork

WIDTH = 64
LAYERS = 2
HEADS = 4


class CaptionEncoder(nn.Module):
    """``(B, L) int64 -> (B, WIDTH)``: what a text says, read by a transformer that looks both ways.

    Args:
        space: of the texts.
    """

    def __init__(self, space: Tokens) -> None:
        super().__init__()
        self.symbols = nn.Embedding(space.vocabulary, WIDTH)
        self.places = nn.Parameter(0.02 * torch.randn(space.length + 1, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.start = nn.Parameter(torch.zeros(1, 1, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        """The state of a place before the text that has read all of it."""
        h = torch.cat([self.start.expand(len(tokens), -1, -1), self.symbols(tokens)], 1) + self.places
        return self.layers(h)[:, 0]


class Captioned(NoiseNetwork):
    """A network whose context begins with the tokens of a text, which it reads first.

    Args:
        inner: is given what the text says and the numbers beside it, `WIDTH` + 1.
        space: of the texts.
    """

    def __init__(self, inner: NoiseNetwork, space: Tokens) -> None:
        super().__init__()
        self.inner = inner
        self.length = space.length
        self.encoder = CaptionEncoder(space)

    def forward(self, x: Tensor, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """As in `NoiseNetwork`; a hidden text, whose number beside it is 0, says nothing."""
        assert context is not None
        beside = context[:, self.length :]
        said = self.encoder(context[:, : self.length].long()) * beside
        return self.inner(x, noise, torch.cat([said, beside], 1))
