"""WAV files, by their chunks: integers of 8, 16, 24 and 32 bits and floating-point numbers.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991, and Microsoft, "Multiple
Channel Audio Data and WAVE Files", 2007 (the extensible format). The standard library's `wave` reads the latter from
Python 3.12 on only, and says nothing of a file that is cut short.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
OTHERS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "ADPCM", 49: "GSM", 85: "MP3"}
STREAMED = 0xFFFFFFFF
"""For the number of bytes, of a file whose writer could not know it."""


class BadSoundError(Exception):
    """A file that cannot be used; the message is a reason that reads on after its name."""


@dataclass(frozen=True)
class Header:
    """What a file says of its samples.

    Attributes:
        rate: samples a second.
        channels: at least 1.
        frames: samples of each channel.
        width: bytes of a sample.
        real: whether samples are floating-point numbers.
    """

    rate: int
    channels: int
    frames: int
    width: int
    real: bool


def header(file: BinaryIO) -> Header:
    """Read up to the first sample.

    Raises:
        BadSoundError: it is no WAV file, is cut short, or of a kind that is not read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if size == 0:
        raise BadSoundError("empty file")
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise BadSoundError("no WAV file, whatever its name says")
    form = None
    while len(chunk := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", chunk)
        if name == b"data":
            if form is None:
                break
            return _samples(form, length, left=size - file.tell())
        if name == b"fmt ":
            form = file.read(length)
            file.seek(length & 1, os.SEEK_CUR)
        else:
            file.seek(length + (length & 1), os.SEEK_CUR)
    raise BadSoundError("cut short: it ends before its samples")


def _samples(form: bytes, length: int, *, left: int) -> Header:
    """The header by the chunk ``fmt``, for ``length`` bytes of samples of which ``left`` are there."""
    if len(form) < 16:
        raise BadSoundError("damaged header")
    kind, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", form[:16])
    if kind == EXTENSIBLE and len(form) >= 26:
        (kind,) = struct.unpack("<H", form[24:26])
    if kind not in (PCM, FLOAT):
        raise BadSoundError(f"{OTHERS.get(kind, f'format {kind}')} in a WAV file: convert it to PCM")
    width = frame // channels if channels else 0
    if channels == 0 or frame != width * channels or width not in ((4, 8) if kind == FLOAT else (1, 2, 3, 4)):
        raise BadSoundError(f"damaged header: {bits} bits, {channels} channels, {frame} bytes a frame")
    if length > left and length != STREAMED:
        raise BadSoundError(f"cut short: {left // frame:,} of {length // frame:,} samples are there")
    return Header(rate, channels, min(length, left) // frame, width, real=kind == FLOAT)


def samples(file: BinaryIO) -> np.ndarray:
    """All samples, ``(frames, channels) float32``; integers span -1 to 1.

    Raises:
        BadSoundError: as `header`.
    """
    found = header(file)
    count = found.frames * found.channels
    raw = file.read(count * found.width)
    if len(raw) != count * found.width:
        raise BadSoundError("cut short while it was read")
    return _unpacked(raw, found).reshape(-1, found.channels)


def _unpacked(raw: bytes, found: Header) -> np.ndarray:
    if found.real:
        return np.frombuffer(raw, f"<f{found.width}").astype(np.float32)
    if found.width == 1:  # the only integers without a sign
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    if found.width == 3:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) / 2**31
    return np.frombuffer(raw, f"<i{found.width}").astype(np.float32) / 2 ** (8 * found.width - 1)
