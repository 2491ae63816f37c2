"""A figure of rolls shows every note where it is, and nothing after the end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from genlab.data.spaces import Frames
from genlab.evaluation.artefacts.rolls import FRAMES_SHOWN, NOTE, SHOWN, named, rolls

PIANO = Frames(40, 88, 2, first_key=21, rate=4.0)


def notes(picture):
    """The middle ``(row, column)`` and the width of each patch of a note's colour."""
    inked = (np.abs(picture.astype(int) - NOTE) < 8).all(2)
    labels, count = ndimage.label(inked)
    found = ndimage.find_objects(labels)
    places = [((rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2) for rows, columns in found]
    assert len(places) == count
    return [(row, column, each[1].stop - each[1].start) for (row, column), each in zip(places, found, strict=True)]


def roll(*held, n=1, frames=40):
    """``(n, frames, 88)`` with ``(first frame, frame after the last, key)`` held in the first."""
    x = torch.zeros(n, frames, 88, dtype=torch.uint8)
    for first, last, key in held:
        x[0, first:last, key - 21] = 1
    return x


def test_time_runs_to_the_right_and_high_notes_lie_high():
    ((low, left, _),) = notes(rolls(PIANO, roll((2, 4, 50))))
    ((high, right, _),) = notes(rolls(PIANO, roll((30, 32, 70))))
    assert left < right
    found = sorted(notes(rolls(PIANO, roll((2, 4, 50), (10, 12, 60), (20, 22, 70), (30, 32, 80)))), key=lambda n: n[1])
    rows = [row for row, *_ in found]
    assert np.allclose(np.diff(rows), np.diff(rows)[0], atol=1.5)  # ten semitones each
    assert np.diff(rows)[0] < -20
    columns = [column for _, column, _ in found]
    assert np.allclose(np.diff(columns), [200, 250, 250], rtol=0.15)
    assert (low, high) == pytest.approx((low, low), abs=2)  # one note alone lies in the middle


def test_a_note_is_as_wide_as_it_is_long():
    (_, _, short), (_, _, long) = sorted(notes(rolls(PIANO, roll((0, 5, 50), (8, 38, 70)))), key=lambda n: n[2])
    assert long == pytest.approx(6 * short, rel=0.05)


def test_what_comes_after_the_end_is_not_drawn():
    x, lengths = roll((2, 4, 60), (30, 34, 64), n=2), torch.tensor([10, 40])
    assert len(notes(rolls(PIANO, x))) == 2
    assert len(notes(rolls(PIANO, x, lengths))) == 1
    assert np.array_equal(rolls(PIANO, x, lengths), rolls(PIANO, roll((2, 4, 60), n=2), lengths))
    over = [(rolls(PIANO, x, given) == 0xD7).all(2).mean() for given in (lengths, None)]  # the grey of what is no frame
    assert over[0] > 0.2
    assert over[1] < 0.01


def test_the_first_rolls_are_shown_and_of_long_ones_the_beginning():
    x = (torch.rand(SHOWN + 3, 40, 88) < 0.05).to(torch.uint8)
    assert np.array_equal(rolls(PIANO, x), rolls(PIANO, x[:SHOWN]))
    assert len(rolls(PIANO, x)) > len(rolls(PIANO, x[:1]))
    long = roll((0, 9, 60), (FRAMES_SHOWN + 5, FRAMES_SHOWN + 100, 64), frames=FRAMES_SHOWN + 200)
    assert len(notes(rolls(PIANO, long))) == 1


@pytest.mark.parametrize(
    ("space", "x"),
    [
        (PIANO, torch.zeros(2, 40, 88)),  # silence
        (PIANO, torch.ones(1, 1, 88)),
        (Frames(5, 3, None, first_key=0), torch.randn(2, 5, 3)),
        (Frames(5, 128, 4, first_key=0), torch.randint(4, (2, 5, 128))),
        (Frames(5, 88, None, first_key=21), torch.full((2, 5, 88), torch.nan)),
    ],
)
def test_whatever_was_drawn_is_a_picture(space, x):
    for lengths in (None, torch.ones(len(x), dtype=torch.int64), torch.zeros(len(x), dtype=torch.int64)):
        picture = rolls(space, x, lengths)
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3


def test_keys_have_their_names():
    assert [named(key) for key in (21, 60, 61, 69, 108)] == ["A0", "C4", "C♯4", "A4", "C8"]
