"""Lengths of examples, and how many units they have."""

from __future__ import annotations

import pytest
import torch

from genlab.data import lengths
from genlab.data.batches import BatchLoader
from genlab.data.dataset import Split
from genlab.data.spaces import Frames, Image, Tokens, Waveform

LONG = torch.tensor([1, 3, 4])


def test_what_is_of_an_example_lies_along_its_time_axis():
    inside = torch.tensor([[1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]).bool()
    assert torch.equal(lengths.mask(LONG, 4), inside)
    assert torch.equal(lengths.within(Tokens(4, 9, ragged=True), torch.zeros(3, 4), LONG), inside)
    frames = lengths.within(Frames(4, 2, 2), torch.zeros(3, 4, 2), LONG)
    assert torch.equal(frames, inside[:, :, None].expand(3, 4, 2))
    sound = lengths.within(Waveform(4, levels=256, ragged=True), torch.zeros(3, 1, 4), LONG)
    assert torch.equal(sound, inside[:, None])
    assert lengths.within(Tokens(4, 9), torch.zeros(3, 4), None).all()


@pytest.mark.parametrize("space", [Frames(9, 2, 2), Waveform(9, 2, 256, ragged=True), Tokens(9, 5, ragged=True)])
def test_padding_that_all_examples_have_is_left_out(space):
    x = torch.arange(3 * space.dim).view(3, *space.shape)
    split = Split(x, y=torch.tensor([0, 1, 2]), lengths=LONG)
    found = lengths.trimmed(space, split)
    assert found.x.shape[lengths.time_axis(space)] == 4
    assert found.x.data_ptr() == x.data_ptr()  # a view
    assert (found.y, found.lengths) == (split.y, split.lengths)
    inside = lengths.within(space, x, LONG)
    assert torch.equal(found.x[lengths.within(space, found.x, LONG)], x[inside])
    assert lengths.trimmed(space, found) is found
    assert lengths.trimmed(space, Split(x)).x is x


def test_batches_are_as_long_as_training_examples_and_not_as_those_that_are_held_out():
    space = Frames(9, 2, 2)
    x = torch.randint(2, (6, 9, 2), generator=torch.Generator().manual_seed(0))
    train = Split(x * (torch.arange(9)[:, None] < 4), lengths=torch.full((6,), 4))
    batches = {
        length: next(iter(BatchLoader(split, batch_size=3, seed=0, num_steps=1)))
        for length, split in ((9, train), (4, lengths.trimmed(space, train)))
    }
    assert {length: batch.x.shape[1] for length, batch in batches.items()} == {9: 9, 4: 4}
    assert torch.equal(batches[4].x, batches[9].x[:, :4])


def test_units_are_counted_as_the_space_counts_them():
    assert lengths.units(Frames(4, 2, 2), torch.zeros(3, 4, 2), LONG).tolist() == [1, 3, 4]
    assert lengths.units(Waveform(4, levels=256, ragged=True), torch.zeros(3, 1, 4), LONG).tolist() == [1, 3, 4]
    assert lengths.units(Tokens(4, 9, characters=2.5), torch.zeros(3, 4), None).tolist() == [10, 10, 10]
    assert lengths.units(Image(3, 2, 2, 256), torch.zeros(1, 3, 2, 2), None).tolist() == [12]


def test_a_piece_of_text_counts_the_characters_that_it_writes():
    # e with an accent is two bytes of UTF-8, which two pieces share: it counts once, where it begins
    space = Tokens(3, 4, coding="bpe", symbols=("a", "the ", "\xc3", "\xa9"), ragged=True)
    x = torch.tensor([[1, 2, 3], [0, 1, 0], [2, 3, 0]], dtype=torch.uint8)
    assert lengths.units(space, x, torch.tensor([3, 2, 2])).tolist() == [5, 5, 1]
    letters = Tokens(3, 2, coding="characters", symbols=("a", "\u00e9"))
    assert lengths.units(letters, x[:, :1] * 0 + 1, None).tolist() == [1, 1, 1]


def test_a_drawn_example_ends_with_its_first_end():
    x = torch.tensor([[5, 0, 0, 0], [0, 1, 2, 3], [1, 2, 3, 4]])
    assert lengths.ended(Tokens(4, 9, ragged=True, end=0), x).tolist() == [2, 1, 4]
    assert lengths.ended(Tokens(4, 9, ragged=True), x) is None
