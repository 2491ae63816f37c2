"""What a picture of samples is: a figure where that says more, else a sheet; with as many as it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.data.dataset import DataSpec
from genlab.data.spaces import Frames, Image, Tokens, Vector, Waveform
from genlab.evaluation.artefacts import rolls, spectrograms
from genlab.evaluation.artefacts.explain import figure, picture, shown
from genlab.evaluation.artefacts.grids import grid

EXPLAINED = [
    Waveform(400, rate=8000),
    Waveform(400, 1, 256, 8000, "mu-law", ragged=True),
    Frames(9, 88, 2, first_key=21),
]
SHEETS = [Waveform(64), Frames(9, 12, 2), Frames(9, 88, 2), Image(1, 8, 8, 256), Vector(10), Tokens(12, 9)]


def examples(space, n):
    g = torch.Generator().manual_seed(0)
    if space.levels is None:
        return torch.rand(n, *space.shape, generator=g)
    return torch.randint(space.levels, (n, *space.shape), generator=g).to(space.dtype)


@pytest.fixture
def few(monkeypatch):
    """So many examples in a figure: large ones take long to draw."""
    monkeypatch.setattr(spectrograms, "SHOWN", 2)
    monkeypatch.setattr(rolls, "SHOWN", 2)
    return 2


@pytest.mark.parametrize("space", EXPLAINED, ids=str)
def test_sound_and_rolls_are_explained(space, few):
    x = examples(space, 5)
    assert [shown(space, n) for n in (1, 2, 5)] == [1, few, few]
    drawn = figure(space, x)
    assert np.array_equal(drawn, figure(space, x[:few]))
    assert not np.array_equal(drawn, figure(space, x[: few - 1]))
    assert np.array_equal(picture(DataSpec(space=space), x), drawn)
    assert not np.array_equal(figure(space, x, names=["original 1", "completion 1"]), drawn)  # titles say so
    half = torch.full((5,), x.shape[-1 if isinstance(space, Waveform) else 1] // 2)
    halved = picture(DataSpec(space=space), x, half)
    assert np.array_equal(halved, figure(space, x, half))
    assert not np.array_equal(halved, drawn)


@pytest.mark.parametrize("space", SHEETS, ids=str)
def test_of_everything_else_there_is_a_sheet_of_all(space):
    x = examples(space, 16)
    assert figure(space, x) is None
    assert shown(space, 16) == 16
    assert np.array_equal(picture(DataSpec(space=space), x, columns=4), grid(x, DataSpec(space=space), columns=4))
