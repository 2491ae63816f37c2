"""Text that was drawn is read: in a file whole, in a picture its beginning."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.data.spaces import Tokens
from genlab.evaluation.artefacts.texts import COLUMNS, ROWS, _page, listing, pictures, signs, texts

LETTERS = tuple("\n\tabcdefghijklmnopqrstuvwxyzé\x1b ")
BYTES = tuple(map(chr, range(256)))


def characters(length, **others):
    return Tokens(length, len(LETTERS), coding="characters", symbols=LETTERS, **others)


def tokens(*written, length):
    x = torch.zeros(len(written), length, dtype=torch.int64)
    for row, text in zip(x, written, strict=True):
        row[: len(text)] = torch.tensor([LETTERS.index(char) for char in text])
    return x


def test_tokens_are_what_they_write_up_to_their_end():
    x = tokens("emma\nzzz", "ab", length=8)
    assert texts(characters(8), x) == ["emma\nzzz", "ab" + 6 * "\n"]
    assert texts(characters(8), x, torch.tensor([2, 8])) == ["em", "ab" + 6 * "\n"]
    assert texts(characters(8, ragged=True, end=0), x) == ["emma\n", "ab\n"]
    assert texts(characters(8, ragged=True, end=0), tokens("abcdefgh", length=8)) == ["abcdefgh"]  # none was drawn
    assert texts(characters(2), torch.tensor([[torch.nan, 99.0]]))[0][1] == LETTERS[-1]  # whatever they are


def test_bytes_are_read_as_utf_8():
    data = "Größe ∑".encode()
    space = Tokens(len(data) + 1, 256, coding="bytes", symbols=BYTES)
    assert texts(space, torch.tensor([[*data, 0xC3]])) == ["Größe ∑�"]


def test_short_texts_are_a_line_each():
    space = characters(20, ragged=True, end=0)
    x = tokens("emma\n", "a\tb\x1b[1m"[:4] + "\n", "é\n", length=20)
    assert listing(space, x) == "emma\na→b\\x1b\né\n"
    assert listing(characters(20), tokens("a\nb\nc", length=20)).count("\n") == 1
    assert signs("a\nb\n") == "a↵b"


def test_long_texts_stand_behind_headings_and_keep_their_lines():
    x = tokens("first line\nsecond \x1b", "another", length=200)
    found = listing(characters(200), x, torch.tensor([19, 7]))
    assert found == (
        "----- sample 1, 19 characters -----\nfirst line\nsecond \\x1b\n\n----- sample 2, 7 characters -----\nanother\n"
    )


def test_a_page_is_broken_at_words_and_says_where_it_goes_on():
    assert _page("the quick brown fox", 10, 4) == ["the quick", "brown fox"]
    assert _page("the quick brown fox", 10, 1) == ["the quick…"]
    assert _page("a\n\nb", 10, 4) == ["a", "", "b"]
    long = _page("word " * 1000, COLUMNS, ROWS)
    assert len(long) == ROWS
    assert long[-1].endswith("…")
    for columns in (4, 17):
        assert all(len(line) <= columns for line in _page("abcdefgh " * 30, columns, ROWS))


@pytest.mark.parametrize("length", [1, 8, 40, 41, 1000])
def test_pictures_are_of_one_size_and_differ_where_the_texts_do(length):
    space = characters(length)
    x = torch.randint(2, 28, (6, length), generator=torch.Generator().manual_seed(0))
    x[1] = x[0]
    x[2, 0] = (x[0, 0] - 1) % 26 + 2
    found = pictures(space, x)
    assert found.dtype == np.uint8
    assert found.shape[0] == 6
    assert found.shape[3] == 1
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert found.shape[1:] == pictures(space, x[3:4]).shape[1:]
    assert (found < 128).any((1, 2, 3)).all()
    assert (found[:, :2] == 255).all()  # nothing is cut at the edges
    assert (found[:, :, :2] == 255).all()
    assert (found[:, :, -2:] == 255).all()
