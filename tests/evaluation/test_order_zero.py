"""The model of frequencies alone, and what a run that does not beat it is told."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.data.spaces import Dataset, DataSpec, Frames, Split, Tokens, Waveform
from genlab.evaluation import order_zero
from genlab.evaluation.likelihood import mean_and_error
from genlab.evaluation.record import Record
from genlab.evaluation.reference import judged, reference
from genlab.evaluation.statistics.estimate import influence


def test_frequencies_are_those_of_training_with_one_added_and_padding_is_no_value() -> None:
    space = Tokens(4, 3, ragged=True)
    train = Split(torch.tensor([[1, 1, 0, 0], [2, 1, 1, 1]]), lengths=torch.tensor([2, 4]))
    assert order_zero.log_probabilities(space, train).exp().tolist() == [pytest.approx([1 / 9, 6 / 9, 2 / 9])]
    test = Split(torch.tensor([[0, 1, 0, 0]]), lengths=torch.tensor([2]))
    assert order_zero.nats(space, train, test).tolist() == pytest.approx([-math.log(1 / 9 * 6 / 9)])


def test_of_windows_that_overlap_each_symbol_counts_once() -> None:
    space, text = Tokens(4, 3, coding="bytes"), torch.tensor([0, 1, 2, 2, 2, 2, 1, 0, 1, 1], dtype=torch.uint8)
    known = order_zero.log_probabilities(space, Split(text.unfold(0, 4, 2))).exp()
    assert known.tolist() == [pytest.approx([3 / 13, 5 / 13, 5 / 13])]


def test_keys_have_frequencies_of_their_own() -> None:
    space = Frames(2, 2, 2)
    train = Split(torch.tensor([[[1, 0], [1, 0]], [[0, 0], [0, 0]]]), lengths=torch.tensor([2, 1]))
    known = order_zero.log_probabilities(space, train).exp()
    assert known.tolist() == [pytest.approx([2 / 5, 3 / 5]), pytest.approx([4 / 5, 1 / 5])]
    test = Split(torch.tensor([[[1, 1], [0, 0]]]), lengths=torch.tensor([1]))
    assert order_zero.nats(space, train, test).tolist() == pytest.approx([-math.log(3 / 5 * 1 / 5)])


def test_channels_of_sound_are_alike() -> None:
    space = Waveform(2, channels=2, levels=2)
    train = Split(torch.tensor([[[1, 1], [0, 0]], [[1, 1], [1, 1]]]))
    assert order_zero.log_probabilities(space, train).exp().tolist() == [pytest.approx([3 / 10, 7 / 10])]


def test_a_model_of_a_sequence_that_is_no_better_is_told_so_in_its_own_unit() -> None:
    space = Tokens(6, 2, coding="characters", symbols=("a", "b"))
    split = Split(torch.tensor([[0, 1, 0, 1, 0, 1]] * 5))
    data = Dataset("any", DataSpec(space=space), split, split, split)
    known = reference(data, split)
    assert known is not None
    assert known.nats == pytest.approx(6 * math.log(2))
    record = Record("nll", 4.2, "nats per example", "exact", 5, 0.01, "test", 0)
    assert judged(record, data, split).warning == (
        "nll is worse than a model that knows only how frequent each value is in training, "
        "which has 1.0000 bits/character"
    )


def test_it_is_told_by_the_differences_of_the_examples_where_these_are_of_many_lengths() -> None:
    space = Tokens(400, 2, ragged=True)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 400, (60,), generator=generator)
    x = torch.randint(2, (60, 400), generator=generator) * (torch.arange(400) < lengths[:, None])
    split = Split(x, lengths=lengths)
    data = Dataset("any", DataSpec(space=space), split, split, split)
    for factor, told in ((1.01, True), (0.99, False)):
        nats = factor * order_zero.nats(space, split, split)
        value, error = mean_and_error(nats)
        assert abs(1 - factor) * value < error  # far too little to be seen in the means
        record = Record("nll", value, "", "exact", 60, error, "test", 0, influence=influence(nats))
        assert (judged(record, data, split).warning is not None) == told


def test_real_recordings_of_many_lengths_have_no_reference() -> None:
    split = Split(torch.randn(4, 1, 5), lengths=torch.tensor([5, 3, 2, 1]))
    data = Dataset("any", DataSpec(space=Waveform(5, ragged=True)), split, split, split)
    assert reference(data, split) is None
