"""A Standard MIDI File holds the notes of the rolls and nothing else: read back by another reader."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.data.spaces import Frames
from genlab.evaluation.artefacts.midi import KEYS, REST, midi, variable

PIANO = Frames(40, 88, 2, first_key=21, rate=4.0)


class Reader:
    """Bytes from the first to the last, as the standard has them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        assert len(found) == count
        self.at += count
        return found

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def variable(self) -> int:
        value = 0
        while True:
            byte = self.number(1)
            value = value << 7 | byte & 127
            if byte < 128:
                return value


def read(data):
    """``(division, [(ticks, status, content), ...])`` of the only track."""
    file = Reader(data)
    assert file.take(4) == b"MThd"
    assert file.number(4) == 6
    assert (file.number(2), file.number(2)) == (0, 1)
    division = file.number(2)
    assert file.take(4) == b"MTrk"
    track = Reader(file.take(file.number(4)))
    assert file.at == len(data)
    now, events = 0, []
    while track.at < len(track.data):
        now += track.variable()
        status = track.number(1)
        if status == 0xFF:
            status = track.number(1)
            events.append((now, status, track.take(track.variable())))
        else:
            assert status in (0x80, 0x90)
            events.append((now, status, track.take(2)))
    return division, events


def rolls_of(data, *, frames):
    """Which keys sound when, ``(frames, 128)``; no note begins before it has ended."""
    division, events = read(data)
    found, begun = np.zeros((frames, KEYS), int), {}
    for now, status, content in events:
        key = content[0] if content else None
        if status == 0x90:
            assert key not in begun
            assert 0 < content[1] < 128
            begun[key] = now
        elif status == 0x80:
            start = begun.pop(key)
            assert start % division == now % division == 0
            found[start // division : now // division, key] += 1
    assert begun == {}
    assert events[-1][1:] == (0x2F, b"")
    return found


def held(*shape, seed=0):
    """Random keys, each of which is likely to be held for some frames."""
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(*shape, generator=g) < 0.1
    return (x | (x.roll(1, 1) & (torch.rand(*shape, generator=g) < 0.8))).to(torch.uint8)


def test_the_notes_are_those_of_the_rolls():
    x, lengths = held(3, 40, 88), torch.tensor([40, 1, 17])
    found = rolls_of(midi(PIANO, x, lengths), frames=40 + 1 + 17 + 2 * REST)
    start = 0
    for roll, length in zip(x, lengths.tolist(), strict=True):
        assert np.array_equal(found[start : start + length, 21 : 21 + 88], roll[:length].numpy())
        start += length + REST
    assert found.sum() == sum(roll[:length].sum() for roll, length in zip(x, lengths, strict=True))
    assert np.array_equal(rolls_of(midi(PIANO, x[:1]), frames=40)[:, 21:109], x[0].numpy())


def test_a_key_that_is_held_down_is_one_note():
    x = torch.zeros(1, 40, 88, dtype=torch.uint8)
    x[0, 3:10, 39] = 1
    division, events = read(midi(PIANO, x))
    notes = [event for event in events if event[1] in (0x80, 0x90)]
    assert [(now / division, status, content[0]) for now, status, content in notes] == [(3, 0x90, 60), (10, 0x80, 60)]


@pytest.mark.parametrize(("rate", "microseconds"), [(4.0, 250_000), (2.0, 500_000), (None, 250_000), (0.001, 0xFFFFFF)])
def test_a_frame_lasts_as_long_as_it_does(rate, microseconds):
    _, events = read(midi(Frames(40, 88, 2, first_key=21, rate=rate), held(1, 40, 88)))
    assert events[0] == (0, 0x51, microseconds.to_bytes(3, "big"))


def test_every_sample_has_a_marker_where_it_begins_and_silence_at_the_end_counts():
    x = torch.zeros(3, 10, 88, dtype=torch.uint8)
    division, events = read(midi(PIANO, x, torch.tensor([10, 2, 5])))
    assert [(now // division, text) for now, kind, text in events if kind == 0x06] == [
        (0, b"sample 1"), (10 + REST, b"sample 2"), (12 + 2 * REST, b"sample 3"),
    ]  # fmt: skip
    assert events[-1][0] == (17 + 2 * REST) * division


def test_keys_without_a_number_are_left_out_and_probabilities_are_cut_at_a_half():
    x = torch.ones(1, 2, 88)
    low, high = (rolls_of(midi(Frames(2, 88, 2, first_key=key), x), frames=2) for key in (-40, 100))
    assert low.sum() == 2 * 48
    assert high.sum() == 2 * 28
    x = torch.tensor([[[0.49, 0.5, 1.0]]])
    assert rolls_of(midi(Frames(1, 3, None, first_key=60), x), frames=1)[0, 60:63].tolist() == [0, 1, 1]
    assert rolls_of(midi(Frames(1, 3, 2, first_key=60), x * torch.nan), frames=1).sum() == 0


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "00"), (0x40, "40"), (0x7F, "7f"), (0x80, "8100"), (0x2000, "c000"), (0x3FFF, "ff7f"), (0x4000, "818000"),
     (0x1FFFFF, "ffff7f"), (0xFFFFFFF, "ffffff7f")],
)  # fmt: skip
def test_quantities_of_variable_length_are_those_of_the_standard(number, written):
    assert variable(number).hex() == written
