"""Networks that are given a text: a small transformer reads it, and all places of a picture look at what it says.

"Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding", C. Saharia and others, 2022,
https://arxiv.org/abs/2205.11487, whose text encoder is large and learned before.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import Tokens
from genlab.models.diffusion.listening import Said
from genlab.models.diffusion.noise_networks import NoiseNetwork
from genlab.models.diffusion.unet import UNet

WIDTH = 64
LAYERS = 2
HEADS = 4
KERNEL = 5
"""Tokens that are read together before all others are looked at: most of a word in characters."""


class CaptionEncoder(nn.Module):
    """``(B, L) int64 -> (B, 1 + L, WIDTH)``: what a text says, read by a transformer that looks both ways.

    A convolution reads neighbours first, so that words differ in more than which characters they have before any
    attention has been learned; for the same reason places are as different at the beginning as symbols are.

    Args:
        space: of the texts.
    """

    def __init__(self, space: Tokens) -> None:
        super().__init__()
        self.symbols = nn.Embedding(space.vocabulary, WIDTH)
        self.neighbours = nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2)
        self.places = nn.Parameter(0.5 * torch.randn(space.length, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.start = nn.Parameter(torch.zeros(1, 1, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        """The state of a place before the text, which sums it up, and those of its tokens."""
        h = self.symbols(tokens)
        h = h + F.gelu(self.neighbours(h.mT)).mT + self.places
        return self.layers(torch.cat([self.start.expand(len(tokens), -1, -1), h], 1))


class Captioned(NoiseNetwork):
    """A network whose context begins with the tokens of a text, which it reads first.

    The sum of the text is part of the context of all blocks; the places of a U-Net look at its tokens as well, without
    which it would have to learn which of two digits is where for each pair of them.

    Args:
        inner: is given the text's sum and the number beside it, `WIDTH` + 1.
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
        states = self.encoder(context[:, : self.length].long())
        context = torch.cat([states[:, 0] * beside, beside], 1)
        if isinstance(self.inner, UNet):
            return self.inner(x, noise, context, said=Said(states, beside))
        return self.inner(x, noise, context)
