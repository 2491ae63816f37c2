"""What a validation draws of sequences: as long as held-out ones, with what is heard, played or read beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.spaces import Frames, Tokens, Waveform
from genlab.evaluation.artefacts import rolls, spectrograms
from genlab.evaluation.artefacts.draw import draw, usual_length
from genlab.evaluation.artefacts.grids import save
from genlab.models import RNN

SPACES = {
    "mid": Frames(12, 88, 2, first_key=21),
    "wav": Waveform(40, 1, 16, 8000, ragged=True),
    "txt": Tokens(9, 5, True, coding="characters", symbols=tuple("\nabcd"), end=0),
}

FEW = 2


def dataset(space, n=12):
    g = torch.Generator().manual_seed(0)
    x = torch.randint(space.levels, (n, *space.shape), generator=g).to(space.dtype)
    lengths = torch.randint(1, 6, (n,), generator=g)
    split = Split(x, lengths=lengths)
    return Dataset(name="made", spec=DataSpec(space=space), train=split, val=split, test=split)


@pytest.fixture(params=SPACES)
def ending(request, monkeypatch):
    """Of the files beside a picture, which shows few examples here: large figures take long to draw."""
    monkeypatch.setattr(spectrograms, "SHOWN", FEW)
    monkeypatch.setattr(rolls, "SHOWN", FEW)
    return request.param


def test_samples_have_files_beside_their_picture(ending, tmp_path):
    data = dataset(SPACES[ending])
    model = RNN(data.spec, width=4, layers=1).eval()
    found = draw(model, data, n=8, seed=0)
    assert list(found) == ["samples", f"samples.{ending}"]
    assert found["samples"].dtype == np.uint8
    again = draw(model, data, n=8, seed=0)
    assert np.array_equal(found["samples"], again["samples"])
    assert found[f"samples.{ending}"] == again[f"samples.{ending}"]
    assert save(tmp_path, "final-samples", found["samples"]) == tmp_path / "final-samples.png"
    path = save(tmp_path / "new", f"final-samples.{ending}", found[f"samples.{ending}"])
    assert path.name == f"final-samples.{ending}"
    assert path.read_bytes() == found[f"samples.{ending}"]


def test_draws_are_as_long_as_half_of_the_held_out_examples_unless_they_end_by_themselves(ending, monkeypatch):
    data = dataset(SPACES[ending])
    model = RNN(data.spec, width=4, layers=1).eval()
    asked = []
    drawn = RNN.draw
    monkeypatch.setattr(RNN, "draw", lambda *args, **more: asked.append(more.get("length")) or drawn(*args, **more))
    draw(model, data, n=30, seed=0)
    (length,) = asked
    assert length == usual_length(model, data.val)
    if ending == "txt":
        assert length is None
        return
    shorter = (data.val.lengths < length).sum(), (data.val.lengths > length).sum()
    assert max(shorter) <= len(data.val) / 2
    assert usual_length(model, replace(data.val, lengths=None)) is None


def test_a_model_that_makes_whole_examples_is_not_asked_for_lengths():
    data = dataset(SPACES["mid"])
    assert usual_length(torch.nn.Linear(1, 1), data.val) is None
