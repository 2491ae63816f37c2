"""Piano rolls as a Standard MIDI File, which every player and every notation program opens.

MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001, 1996, https://midi.org/standard-midi-files.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from genlab.data.spaces import Frames

TICKS = 480
"""Of a quarter note; a frame is one, at a tempo that makes it as long as a frame lasts."""

RATE = 4.0
"""Frames a second where the data does not know."""

REST = 4
"""Frames of silence between samples."""

VELOCITY = 80
NOTE_ON, NOTE_OFF = 0x90, 0x80
MARKER, TEMPO, END = 0x06, 0x51, 0x2F
KEYS = 128
LONGEST_QUARTER = 0xFFFFFF
"""Microseconds, in three bytes."""

Event = tuple[int, bytes]
"""When, in ticks from the beginning, and what."""


def midi(space: Frames, x: Tensor, lengths: Tensor | None = None) -> bytes:
    """Rolls ``x (B, L, W)`` one after the other, each behind a marker, as a file of one track (format 0).

    A key that is held down in neighbouring frames is one note. Keys that MIDI has no number for are left out; of other
    than two levels a key is held down from half of the highest one on.

    Args:
        space: knows its keys and, where it does, its rate.
        x: on the data's own scale.
        lengths: ``(B,)`` frames of each.
    """
    assert space.first_key is not None
    half = 0.5 if space.levels is None else (space.levels - 1) / 2
    held = (x.detach().cpu().double() >= half).numpy()
    long = [x.shape[1]] * len(x) if lengths is None else lengths.tolist()
    quarter = round(1e6 / (space.rate or RATE))
    events: list[Event] = [(0, _meta(TEMPO, min(LONGEST_QUARTER, max(1, quarter)).to_bytes(3, "big")))]
    start = 0
    for i, (roll, length) in enumerate(zip(held, long, strict=True)):
        events.append((start * TICKS, _meta(MARKER, f"sample {i + 1}".encode())))
        events += _notes(roll[:length], space.first_key, start)
        start += length + REST
    events.append((max(0, start - REST) * TICKS, _meta(END, b"")))
    track = b"".join(_delayed(events))
    header = b"".join(each.to_bytes(2, "big") for each in (0, 1, TICKS))
    return _chunk(b"MThd", header) + _chunk(b"MTrk", track)


def _notes(roll: np.ndarray, first_key: int, start: int) -> list[Event]:
    """Where the notes of ``(T, W)`` bool begin and end, in order of time."""
    padded = np.pad(roll.astype(np.int8), ((1, 1), (0, 0)))
    change = np.diff(padded, axis=0)
    found = []
    for frame, value in zip(*np.nonzero(change), strict=True):
        key, on = first_key + int(value), change[frame, value] > 0
        if 0 <= key < KEYS:
            found.append(((start + int(frame)) * TICKS, bytes((NOTE_ON if on else NOTE_OFF, key, VELOCITY))))
    return found


def _delayed(events: list[Event]) -> Iterator[bytes]:
    """Each event behind the ticks since the one before."""
    now = 0
    for time, event in events:
        yield variable(time - now) + event
        now = time


def variable(number: int) -> bytes:
    """A quantity of variable length: seven bits a byte, the highest first; all bytes but the last have the eighth."""
    assert number >= 0, "events come in the order of time"
    found = [number & 0x7F]
    while number := number >> 7:
        found.append(number & 0x7F | 0x80)
    return bytes(reversed(found))


def _meta(kind: int, content: bytes) -> bytes:
    return bytes((0xFF, kind)) + variable(len(content)) + content


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "big") + content
