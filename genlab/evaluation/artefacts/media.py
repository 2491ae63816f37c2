"""Samples that are heard, played or read: files beside the sheet, by space."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from functools import partial, singledispatch

import numpy as np
from torch import Tensor

from genlab.data.dataset import DataSpec
from genlab.data.spaces import Space, Tokens, Video, Waveform
from genlab.evaluation.artefacts.grids import grid
from genlab.evaluation.artefacts.thumbnails import window

PAUSE = 0.25
"""Seconds of silence between samples of sound."""

FRAME_MS = 200

Files = dict[str, Callable[[], bytes]]
"""By the ending of its name, what makes a file."""


@singledispatch
def media(space: Space, x: Tensor) -> Files:
    """The files of samples ``x (B, *event_shape)``, on the data's own scale; none where the sheet says it all."""
    return {}


@media.register
def _(space: Tokens, x: Tensor) -> Files:
    return {"txt": lambda: "".join(f"{' '.join(map(str, row))}\n" for row in x.round().long().tolist()).encode()}


@media.register
def _(space: Waveform, x: Tensor) -> Files:
    return {} if space.rate is None else {"wav": partial(sound, space, x, rate=space.rate)}


@media.register
def _(space: Video, x: Tensor) -> Files:
    return {"gif": partial(film, DataSpec(space=space.image), x)}


def sound(space: Waveform, x: Tensor, *, rate: int) -> bytes:
    """``(B, C, L)`` one after the other as a WAV file of 16 bits; real samples are cut to [-1, 1]."""
    if space.levels is None:
        unit = x.detach().cpu().double().nan_to_num(0.0).clamp(-1, 1)
    else:
        unit = 2 * window(space, [x]).unit(x) - 1
    pcm = (unit * 32767).round().numpy().astype("<i2").transpose(0, 2, 1)
    pause = np.zeros((int(PAUSE * rate), space.channels), "<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(space.channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        for each in pcm:
            file.writeframes(each.tobytes() + pause.tobytes())
    return buffer.getvalue()


def film(image: DataSpec, x: Tensor) -> bytes:
    """``(B, F, C, H, W)`` side by side as a GIF."""
    from PIL import Image

    first, *rest = [Image.fromarray(grid(x[:, i], image)).quantize(64) for i in range(x.shape[1])]
    buffer = io.BytesIO()
    first.save(buffer, format="GIF", save_all=True, append_images=rest, duration=FRAME_MS, loop=0, optimize=False)
    return buffer.getvalue()
