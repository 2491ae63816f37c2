"""The condition of a model: from an option to what a network reads."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec, Label, Vector, Video
from genlab.errors import ConfigError
from genlab.models.conditions import channels, check_condition, condition, context, given_by, pictures, rows, width

LABELLED = DataSpec((2,), None, 3)


def test_an_option_says_what_a_model_is_given() -> None:
    assert given_by(None, LABELLED) is None
    found = given_by("label", LABELLED)
    assert isinstance(found, Label)
    assert width(found) == 3
    assert width(Vector(4)) == 4
    assert width(None) == 0


def test_data_without_a_condition_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.condition=label needs labels, this data has none"):
        given_by("label", DataSpec((2,), None))
    with pytest.raises(ConfigError, match=r"model\.condition=vector needs data whose type has a vector"):
        given_by("vector", LABELLED)


def test_a_network_reads_a_label_as_one_hot_and_a_vector_as_it_is() -> None:
    label = given_by("label", LABELLED)
    found = context(label, torch.tensor([2, 0]))
    assert found is not None
    assert found.dtype == torch.get_default_dtype()
    assert found.tolist() == [[0, 0, 1], [1, 0, 0]]
    c = torch.randn(2, 4)
    assert torch.equal(context(Vector(4), c), c)
    assert context(None, None) is None


def test_a_condition_is_given_where_there_is_one_and_nowhere_else() -> None:
    with pytest.raises(ValueError, match="it needs c, a vector of each example"):
        check_condition(Vector(4), None)
    with pytest.raises(ValueError, match="it takes no c"):
        check_condition(None, torch.zeros(2))


def test_a_batch_gives_what_the_model_is_given() -> None:
    x, y, c = torch.randn(3, 2), torch.tensor([0, 1, 2]), torch.randn(3, 4)
    model = nn.Module()
    assert condition(model, Batch(x, y)) is None
    model.given = given_by("label", LABELLED)
    assert condition(model, Batch(x, y)) is y
    model.given = Vector(4)
    assert condition(model, Batch(x, y, c=c)) is c
    with pytest.raises(ValueError, match="is given a vector of each example, these have none"):
        condition(model, Batch(x, y))


def test_rows_of_no_condition_are_none() -> None:
    assert rows(None, slice(2)) is None
    assert rows(torch.arange(5), torch.tensor([3, 1])).tolist() == [3, 1]


def test_a_network_reads_past_frames_as_channels_between_minus_one_and_one() -> None:
    past = Video(3, 1, 2, 2, 17)
    assert given_by("past", DataSpec(space=Video(2, 1, 2, 2, 17), condition=past)) == past
    assert channels(past) == 3
    assert width(past) == 12
    c = torch.arange(12, dtype=torch.uint8).view(1, 3, 1, 2, 2)
    found = pictures(past, c)
    assert found.shape == (1, 3, 2, 2)
    assert found.flatten().tolist() == pytest.approx([i / 8 - 1 for i in range(12)])
    assert torch.equal(context(past, c), found.flatten(1))
    with pytest.raises(ConfigError, match=r"model\.condition=past needs past frames as condition, this data has none"):
        given_by("past", LABELLED)
