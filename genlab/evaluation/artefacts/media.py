"""Samples that are heard, played or read: files beside the sheet, by space."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from functools import partial, singledispatch

import numpy as np
from torch import Tensor

from genlab.data.dataset import DataSpec
from genlab.data.sound.companding import encode, heard
from genlab.data.spaces import Frames, Space, Tokens, Video, Waveform
from genlab.evaluation.artefacts.grids import grid
from genlab.evaluation.artefacts.midi import midi
from genlab.evaluation.artefacts.texts import listing

PAUSE = 0.25
"""Seconds of silence between samples of sound."""

FRAME_MS = 200

Files = dict[str, Callable[[], bytes]]
"""By the ending of its name, what makes a file."""


@singledispatch
def media(space: Space, x: Tensor, lengths: Tensor | None = None) -> Files:
    """The files of samples, none where the sheet says it all.

    Args:
        space: of an example.
        x: ``(B, *event_shape)``, or of another length, on the data's own scale.
        lengths: ``(B,)``, of each, where the space is ragged; of tokens None: up to the end that was drawn.
    """
    return {}


@media.register
def _(space: Tokens, x: Tensor, lengths: Tensor | None = None) -> Files:
    return {"txt": lambda: listing(space, x, lengths).encode("utf-8", "backslashreplace")}


@media.register
def _(space: Waveform, x: Tensor, lengths: Tensor | None = None) -> Files:
    return {} if space.rate is None else {"wav": partial(sound, space, x, rate=space.rate, lengths=lengths)}


@media.register
def _(space: Frames, x: Tensor, lengths: Tensor | None = None) -> Files:
    return {} if space.first_key is None else {"mid": partial(midi, space, x, lengths)}


@media.register
def _(space: Video, x: Tensor, lengths: Tensor | None = None) -> Files:
    return {"gif": partial(film, DataSpec(space=space.image), x)}


def sound(space: Waveform, x: Tensor, *, rate: int, lengths: Tensor | None = None) -> bytes:
    """Samples of sound one after the other, with pauses between, as a WAV file of 16 bits.

    Args:
        space: says how levels lie; real samples are cut to [-1, 1].
        x: ``(B, C, L)``, on the data's own scale.
        rate: samples a second.
        lengths: ``(B,)``, where each ends; None: all are of one length.
    """
    pcm = encode(heard(space, x), levels=1 << 16, law="linear") - (1 << 15)
    frames = pcm.numpy().astype("<i2").transpose(0, 2, 1)
    long = [x.shape[2]] * len(x) if lengths is None else lengths.tolist()
    pause = np.zeros((int(PAUSE * rate), space.channels), "<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(space.channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        for each, length in zip(frames, long, strict=True):
            file.writeframes(each[:length].tobytes() + pause.tobytes())
    return buffer.getvalue()


def film(image: DataSpec, x: Tensor) -> bytes:
    """``(B, F, C, H, W)`` side by side as a GIF."""
    from PIL import Image

    first, *rest = [Image.fromarray(grid(x[:, i], image)).quantize(64) for i in range(x.shape[1])]
    buffer = io.BytesIO()
    first.save(buffer, format="GIF", save_all=True, append_images=rest, duration=FRAME_MS, loop=0, optimize=False)
    return buffer.getvalue()
