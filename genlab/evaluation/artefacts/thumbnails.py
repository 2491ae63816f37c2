"""What one example looks like, by its space: a small picture, so that sheets, comparisons and paths are made alike.

An image is itself; a waveform, or a vector of more than two dimensions, is a curve; a vector of two is a dot in its
window; frames are a roll, time from left to right and the first coordinate at the bottom; a video is its frames in a
row; tokens are the text that they write, or their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.data.sound.companding import heard
from genlab.data.spaces import Frames, Image, Space, Table, Tokens, Vector, Video, Waveform
from genlab.evaluation.artefacts import texts

CURVE = (48, 128)
"""Height of a curve, and the width that it has at least; in pixels."""

WIDEST = 512
"""A curve of more samples shows the least and greatest value in each column of pixels."""

DOT = 64
"""Side of the window of a dot."""

ROLL = 64
"""Pixels by which a roll is enlarged, in whole factors, at most."""

TOKENS_SHOWN, TOKENS_IN_ROW = 64, 8
"""Tokens of an example that are written out."""

INK, PAPER, FRAME = 30, 255, 96


class Window(NamedTuple):
    """Which values are the darkest and the brightest, or the bottom and the top; the same for all of a sheet."""

    low: float
    high: float

    def unit(self, x: Tensor) -> Tensor:
        """``x`` on ``[0, 1]``, float64 on the CPU; what is not finite is 0."""
        inside = (x.detach().cpu().double() - self.low) / (self.high - self.low)
        return inside.nan_to_num(0.0, 1.0, 0.0).clamp(0, 1)


def window(space: Space, parts: Sequence[Tensor]) -> Window:
    """Of integers all levels; of reals, whose range no type tells, the least and greatest value of all parts."""
    levels = space.levels
    if levels is not None:
        return Window(0.0, float(max(1, levels - 1)))
    values = torch.cat([part.detach().cpu().double().flatten() for part in parts])
    values = values[values.isfinite()]
    low, high = (values.min().item(), values.max().item()) if len(values) else (0.0, 1.0)
    return Window(low, high if high > low else low + 1.0)


@singledispatch
def thumbnails(space: Space, x: Tensor, shown: Window) -> np.ndarray:
    """Small pictures ``(B, H, W, 1 or 3) uint8`` of a batch ``x (B, *event_shape)`` on the data's own scale."""
    raise TypeError(f"{type(space).__name__} is no space of data")


@thumbnails.register
def _(space: Image, x: Tensor, shown: Window) -> np.ndarray:
    scaled = (x.detach().cpu().double() - shown.low) * (255 / (shown.high - shown.low))
    pixels = scaled.nan_to_num(0.0, 255.0, 0.0).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return pixels if pixels.shape[-1] in (1, 3) else pixels[..., :1]


@thumbnails.register
def _(space: Video, x: Tensor, shown: Window) -> np.ndarray:
    pixels = thumbnails(space.image, x.flatten(0, 1), shown)
    apart = np.pad(pixels, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=FRAME)
    strips = apart.reshape(len(x), space.frames, *apart.shape[1:]).transpose(0, 2, 1, 3, 4)
    return strips.reshape(len(x), apart.shape[1], -1, apart.shape[-1])[:, :, :-1]


@thumbnails.register
def _(space: Waveform, x: Tensor, shown: Window) -> np.ndarray:
    heights = shown.unit(x) if space.companding == "linear" else (heard(space, x) + 1) / 2
    channels = curves(heights.flatten(0, 1).numpy())
    return channels.reshape(len(x), -1, channels.shape[2], 1)  # one channel below the other


@thumbnails.register(Vector)
@thumbnails.register(Table)
def _(space: Vector | Table, x: Tensor, shown: Window) -> np.ndarray:
    values = shown.unit(x).numpy()
    return dots(values) if values.shape[1] <= 2 else curves(values)


@thumbnails.register
def _(space: Frames, x: Tensor, shown: Window) -> np.ndarray:
    roll = (255 - 225 * shown.unit(x)).round().to(torch.uint8).numpy()  # ink on paper
    roll = roll.transpose(0, 2, 1)[:, ::-1, :, None]
    factor = max(1, ROLL // max(roll.shape[1:3]))
    return roll.repeat(factor, 1).repeat(factor, 2)


@thumbnails.register
def _(space: Tokens, x: Tensor, shown: Window) -> np.ndarray:
    if space.symbols is not None:
        return texts.pictures(space, x)
    rows = x.detach().cpu().round().long()[:, :TOKENS_SHOWN].tolist()
    digits, per_row = len(str(space.vocabulary - 1)), min(TOKENS_IN_ROW, x.shape[1])
    lines = math.ceil(min(x.shape[1], TOKENS_SHOWN) / per_row)
    return np.stack([_written(row, digits=digits, per_row=per_row, lines=lines) for row in rows])


def _written(tokens: list[int], *, digits: int, per_row: int, lines: int) -> np.ndarray:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    wide, high = 6 * (digits + 1), 12
    cell = Pillow.new("L", (wide * per_row + 4, high * lines + 4), PAPER)
    pen = ImageDraw.Draw(cell)
    for i, token in enumerate(tokens):
        pen.text((2 + wide * (i % per_row), 2 + high * (i // per_row)), f"{token:>{digits}}", fill=INK)
    return np.asarray(cell)[..., None]


def curves(values: np.ndarray) -> np.ndarray:
    """Curves ``(B, L)`` in ``[0, 1]`` as pictures ``(B, H, W, 1)``: each column is inked from its least to greatest."""
    height, least = CURVE
    parts = max(1, values.shape[1] - 1)  # of the line through the samples
    steps = math.ceil(parts / WIDEST)
    finer = math.ceil(least / parts)
    at = np.minimum(np.arange(math.ceil(parts / steps) * steps * finer + 1) / finer, values.shape[1] - 1)
    left = at.astype(int)
    line = values[:, left] * (1 - at + left) + values[:, np.minimum(left + 1, values.shape[1] - 1)] * (at - left)
    # a column begins where the one before ends, so that steep parts are not torn
    columns = np.lib.stride_tricks.sliding_window_view(line, steps + 1, axis=1)[:, ::steps]
    bottom, top = columns.min(2), columns.max(2)
    low, high = (np.rint((1 - each) * (height - 3)).astype(int) + 1 for each in (bottom, top))
    rows = np.arange(height)[None, :, None]
    inked = (rows >= high[:, None, :]) & (rows <= low[:, None, :])
    return np.where(inked, INK, PAPER).astype(np.uint8)[..., None]


def dots(values: np.ndarray) -> np.ndarray:
    """Points ``(B, 1 or 2)`` in ``[0, 1]`` as pictures ``(B, H, W, 1)`` of the window that they lie in."""
    picture = np.full((len(values), DOT, DOT, 1), PAPER, np.uint8)
    column = np.rint(values[:, 0] * (DOT - 5)).astype(int) + 1
    height = values[:, 1] if values.shape[1] > 1 else np.full(len(values), 0.5)
    row = np.rint((1 - height) * (DOT - 5)).astype(int) + 1
    for i in range(len(values)):
        picture[i, row[i] : row[i] + 3, column[i] : column[i] + 3] = INK
    return picture
