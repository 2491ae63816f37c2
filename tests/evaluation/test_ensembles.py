from __future__ import annotations

import torch

from genlab.data.spaces import Video
from genlab.evaluation.ensembles import BLOCK, Forecasts, ahead, foreseen, measured, unit
from genlab.models import ConvLSTM
from tests.metrics.forecasters import GREY, RAIN, Uniform, data_of


def test_an_ensemble_depends_on_the_seed_and_not_on_how_many_examples_or_members_there_are() -> None:
    data = data_of(GREY, n=BLOCK + 6)
    model = Uniform(data.spec, 17)
    past = data.test.c
    all_ = foreseen(model, past, members=3, seed=1)
    assert all_.shape == (3, BLOCK + 6, 2, 1, 12, 12)
    assert torch.equal(all_[:2, :BLOCK], foreseen(model, past[:BLOCK], members=2, seed=1))
    assert not torch.equal(all_, foreseen(model, past, members=3, seed=2))
    assert not torch.equal(all_[0], all_[1])
    assert not torch.equal(all_[0, :6], all_[0, BLOCK:])


def test_a_forecaster_makes_one_forecast() -> None:
    data = data_of(GREY, n=3)
    torch.manual_seed(0)
    model = ConvLSTM(data.spec, width=4).eval()
    found = foreseen(model, data.test.c, members=5, seed=0)
    assert found.shape == (1, 3, 2, 1, 12, 12)
    assert torch.allclose(found[0], model.forecast(data.test.c))


def test_the_mean_and_the_spread_are_of_what_is_measured() -> None:
    past, truth = torch.zeros(1, 3, 1, 12, 12), torch.zeros(1, 2, 1, 12, 12)
    members = torch.stack([truth, truth + 255])
    found = Forecasts(RAIN, past, truth, members)
    assert torch.allclose(found.mean(), torch.full_like(truth, 14.7), atol=1e-3)
    assert torch.allclose(found.spread(), torch.full_like(truth, 14.7), atol=1e-3)
    assert torch.equal(found.persistence[0], truth)
    assert (unit(RAIN), ahead(RAIN, 5), ahead(GREY, 5)) == ("mm/h", "30 min", "frame 6")
    real = Video(2, 1, 12, 12, None)
    assert torch.equal(measured(real, truth - 3), truth - 3)
