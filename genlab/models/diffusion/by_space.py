"""Which network reads noisy examples of which space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch

from torch import Tensor

from genlab.data.spaces import Frames, Image, Space, Tokens, Video, Waveform
from genlab.models.conditions import channels, width
from genlab.models.diffusion.captioned import WIDTH, Captioned
from genlab.models.diffusion.noise_networks import NoiseNetwork, ResidualPerceptron
from genlab.models.diffusion.unet import Shape, UNet


@dataclass(frozen=True)
class Size:
    """How large a network is; None is what suits the space.

    Attributes:
        width: of its hidden layers; in a U-Net at full size, a multiple of 8.
        blocks: how many; in a U-Net at each size.
        attention: of a U-Net, at sizes of at most this many places.
        dropout: of hidden channels.
        said: of a U-Net, width of a text's states that its places look at; 0: there is no text.
    """

    width: int | None = None
    blocks: int | None = None
    attention: int | None = None
    dropout: float = 0.0
    said: int = 0

    def unet(self, *, width: int, blocks: int, attention: int, factor: int = 2, coarsest: int = 7) -> Shape:
        """A U-Net of this size, or of that which suits the space."""
        return Shape(
            width=width if self.width is None else self.width,
            blocks=blocks if self.blocks is None else self.blocks,
            attention=attention if self.attention is None else self.attention,
            factor=factor,
            coarsest=coarsest,
            dropout=self.dropout,
            said=self.said,
        )


@singledispatch
def noise_network(space: Space, *, context: int, size: Size = Size()) -> NoiseNetwork:
    """The network that suits a space.

    Args:
        space: of the data.
        context: numbers that the condition has; 0: there is none.
        size: of the network.
    """
    return ResidualPerceptron(
        space.shape, context=context, width=size.width or 128, blocks=size.blocks or 3, dropout=size.dropout
    )


@noise_network.register
def _(space: Image, *, context: int, size: Size = Size()) -> NoiseNetwork:
    small = space.height * space.width <= 64
    shape = size.unet(width=32 if small else 64, blocks=2, attention=64)
    return UNet(space.channels, (space.height, space.width), shape=shape, context=context, levels=space.levels)


@noise_network.register
def _(space: Waveform, *, context: int, size: Size = Size()) -> NoiseNetwork:
    shape = size.unet(width=32, blocks=2, attention=256, factor=4, coarsest=64)
    return UNet(space.channels, (space.length,), shape=shape, context=context, levels=space.levels)


@noise_network.register
def _(space: Frames, *, context: int, size: Size = Size()) -> NoiseNetwork:
    shape = size.unet(width=128, blocks=2, attention=256, factor=4, coarsest=64)
    return OfFrames(UNet(space.width, (space.length,), shape=shape, context=context, levels=space.levels))


@noise_network.register
def _(space: Video, *, context: int, size: Size = Size()) -> NoiseNetwork:
    return OfVideo(space, context=context, size=size)


def network_given(space: Space, given: Space | None, *, size: Size = Size()) -> NoiseNetwork:
    """The network that suits a space and a condition, which it reads with a 1 beside it, see `nullable_context`.

    Args:
        space: of the data.
        given: what the condition is; frames before those of the data are read as pictures, a text by a transformer.
        size: of the network.
    """
    if isinstance(given, Video):
        assert isinstance(space, Video)
        return OfVideo(space, context=1, past=given, size=size)
    if isinstance(given, Tokens):
        listens = isinstance(space, Image | Waveform)  # whose network is a U-Net itself
        return Captioned(noise_network(space, context=WIDTH + 1, size=replace(size, said=WIDTH * listens)), given)
    return noise_network(space, context=0 if given is None else width(given) + 1, size=size)


class OfFrames(NoiseNetwork):
    """``(B, L, W)``, whose values are the channels of a network of ``(B, W, L)``."""

    def __init__(self, inner: NoiseNetwork) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """As in `NoiseNetwork`."""
        return self.inner(x.mT, noise, context).mT


class OfVideo(NoiseNetwork):
    """``(B, F, C, H, W)``, whose pictures are the channels of a network of ``(B, F C, H, W)``.

    Args:
        space: of the data.
        context: W; 0: there is none.
        past: frames of the same height and width, whose numbers the context begins with; they are read as pictures too.
        size: of the network.
    """

    def __init__(self, space: Video, *, context: int, size: Size, past: Video | None = None) -> None:
        super().__init__()
        self.past = past
        sides, shape = (space.height, space.width), size.unet(width=64, blocks=2, attention=256)
        self.inner = UNet(
            space.frames * space.channels,
            sides,
            shape=shape,
            context=context,
            levels=space.levels,
            beside=channels(past),
        )

    def forward(self, x: Tensor, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """As in `NoiseNetwork`."""
        beside = None
        if self.past is not None:
            assert context is not None
            beside = context[:, : self.past.dim].reshape(len(x), -1, *x.shape[-2:])
            context = context[:, self.past.dim :]
        return self.inner(x.flatten(1, 2), noise, context, beside=beside).view_as(x)
