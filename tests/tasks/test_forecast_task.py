"""What a model foresees, as arrays, a sheet and a film."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from genlab.data.spaces import Dataset
from genlab.models import ConvLSTM
from genlab.restore import Loaded
from genlab.tasks import TASKS, Work
from tests.metrics.forecasters import GREY, RAIN, Uniform, data_of


@pytest.mark.parametrize("space", [GREY, RAIN], ids=["grey", "rain"])
@pytest.mark.parametrize("make", [lambda spec: Uniform(spec, 17), lambda spec: ConvLSTM(spec, width=4)])
def test_it_shows_truth_and_forecast_and_of_an_ensemble_its_spread(make, space, tmp_path: Path, monkeypatch) -> None:
    data: Dataset = data_of(space, n=6)
    monkeypatch.setattr(Loaded, "dataset", lambda *_, **__: data)
    work = Work(Loaded(Path(), {}, data.spec, 0, make(data.spec).eval()), tmp_path, n=4)
    with torch.no_grad():
        drawn = TASKS["forecast"](members=3).draw(work)
    one = isinstance(work.model, ConvLSTM)
    m = 1 if one else 3
    assert drawn.arrays["members"].shape == (4, m, *space.shape)
    assert drawn.arrays["past"].shape == (4, 3, *space.shape[1:])
    assert ("spread" in drawn.arrays) == (not one)
    chosen = torch.from_numpy(drawn.arrays["truth"])
    assert torch.equal(chosen, torch.from_numpy(drawn.arrays["past"][:, :2])), "truth and past are of one example"
    assert drawn.picture().ndim == 3
    film = Image.open(io.BytesIO(drawn.files["gif"]()))
    assert film.n_frames == 5
