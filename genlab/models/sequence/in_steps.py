"""An example as a sequence of steps, by its space, and back.

A token, a sample of sound and a number of a vector are a step each; a frame is one of several values; a picture is read
row by row, from left to right, and the channels of a pixel one after the other.
"""

from __future__ import annotations

import math
from functools import singledispatch

from torch import Tensor

from genlab.data.spaces import Frames, Image, Space, Tokens, Vector, Waveform


def length(space: Space) -> int:
    """Steps of an example; of the longest one where they are ragged."""
    return space.length if isinstance(space, Frames) else math.prod(space.shape)


def width(space: Space) -> int | None:
    """Values of a step, None where it is one number."""
    return space.width if isinstance(space, Frames) else None


@singledispatch
def to_steps(space: Space, x: Tensor) -> Tensor:
    """Examples ``(B, *event_shape)`` as steps: ``(B, L)``, of frames ``(B, L, W)``; a terms' tensor likewise."""
    raise TypeError(f"{type(space).__name__} is no sequence")


@to_steps.register(Tokens)
@to_steps.register(Vector)
@to_steps.register(Frames)
def _(space: Tokens | Vector | Frames, x: Tensor) -> Tensor:
    return x


@to_steps.register
def _(space: Waveform, x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(1)  # the channels of a moment together


@to_steps.register
def _(space: Image, x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(1)


@singledispatch
def from_steps(space: Space, steps: Tensor) -> Tensor:
    """The inverse of `to_steps`; of other lengths than the space's where it has a time."""
    raise TypeError(f"{type(space).__name__} is no sequence")


@from_steps.register(Tokens)
@from_steps.register(Vector)
@from_steps.register(Frames)
def _(space: Tokens | Vector | Frames, steps: Tensor) -> Tensor:
    return steps


@from_steps.register
def _(space: Waveform, steps: Tensor) -> Tensor:
    return steps.unflatten(1, (-1, space.channels)).transpose(1, 2)


@from_steps.register
def _(space: Image, steps: Tensor) -> Tensor:
    return steps.unflatten(1, (space.height, space.width, space.channels)).permute(0, 3, 1, 2)
