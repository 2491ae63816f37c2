"""Scores of forecasts, on models whose forecasts are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from genlab.data.spaces import DataSpec, Video
from genlab.data.video.rain import levels_of, rate_of
from genlab.evaluation.record import Record
from genlab.metrics import METRICS, Subject
from genlab.metrics.subject import Unanswerable
from genlab.restore import Loaded
from tests.metrics.forecasters import GREY, RAIN, Oracle, Uniform, data_of

SCORES = ("mse", "ssim", "csi", "crps")


def scored(make: Any, space: Video, name: str, folder: Path, **options: Any) -> dict[str, Record]:
    data = data_of(space)
    model = make(data.spec).eval()
    loaded = Loaded(Path(), {}, data.spec, 0, model)
    config = {"split": "test", "seed": 0, "batch_size": 4, "metric": {}}
    subject = Subject(loaded, model, data, config, Console(quiet=True), folder)
    assert METRICS[name].lacks(loaded) is None
    with torch.no_grad():
        found = {each.metric: each for each in METRICS[name](**options).compute(subject)}
    assert [path.name for path in subject.drawn] == [f"{name}.png"]
    return found


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("space", [GREY, RAIN], ids=["grey", "rain"])
def test_an_oracle_is_perfect_and_persistence_is_not(name: str, space: Video, tmp_path: Path) -> None:
    found = scored(Oracle, space, name, tmp_path)
    best = 0.0 if METRICS[name].better == "lower" else 1.0
    for key, record in found.items():
        if key.endswith("_persistence"):
            assert abs(record.value - best) > 0.01, key
        else:
            assert record.value == pytest.approx(best, abs=1e-5), key
    first = next(iter(found))
    assert {f"{first}{end}" for end in ("", "_persistence", "_last", "_last_persistence")} <= set(found)


def test_numbers_are_those_of_their_definitions(tmp_path: Path) -> None:
    data = data_of(RAIN)
    truth, last = rate_of(data.test.x), rate_of(data.test.c[:, -1:])
    crps, mse = scored(Oracle, RAIN, "crps", tmp_path), scored(Oracle, RAIN, "mse", tmp_path)
    assert crps["crps_persistence"].value == pytest.approx((last - truth).abs().mean().item(), rel=1e-5)
    assert crps["crps_persistence"].unit == "mm/h"
    assert mse["mse_persistence"].value == pytest.approx((last - truth).square().mean().item(), rel=1e-5)
    csi = scored(Oracle, RAIN, "csi", tmp_path)
    a, b = last.expand_as(truth) >= 2, truth >= 2
    assert csi["csi_2_persistence"].value == pytest.approx(((a & b).sum() / (a | b).sum()).item(), rel=1e-6)
    assert "10 min" in (csi["csi_2_last"].method or "")
    off = scored(lambda spec: Oracle(spec, -1.0), GREY, "mse", tmp_path)["mse"]
    shifted = (data_of(GREY).test.x >= 1).double().mean().item()
    assert off.value == pytest.approx(144 / 16**2, rel=0.1)
    assert shifted > 0.9


def test_an_ensemble_of_the_data_s_own_distribution_has_flat_ranks_and_a_narrow_one_has_not(tmp_path: Path) -> None:
    flat = scored(lambda spec: Uniform(spec, 17), GREY, "rank_histogram", tmp_path, members=4)
    assert flat["rank_histogram"].value < 0.02
    assert flat["outside_ensemble"].value == pytest.approx(0.4, abs=0.03)
    low = scored(lambda spec: Uniform(spec, 9), GREY, "rank_histogram", tmp_path, members=4)
    assert low["rank_histogram"].value > 0.2


def test_an_ensemble_beats_its_members_in_crps_and_does_not_depend_on_the_number_of_examples(tmp_path: Path) -> None:
    many, one = (
        scored(lambda spec: Uniform(spec, 17), GREY, "crps", tmp_path, members=members)["crps"] for members in (8, 1)
    )
    assert many.value < 0.75 * one.value


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    spec = data_of(GREY).spec
    single = Loaded(Path(), {}, spec, 0, Oracle(spec))
    assert METRICS["rank_histogram"].lacks(single) == "a model that draws forecasts"
    plain = Uniform(DataSpec((1, 8, 8), 17), 17)
    plain.given = None
    assert "past frames" in (METRICS["crps"].lacks(Loaded(Path(), {}, plain.spec, 0, plain)) or "")
    with pytest.raises(Unanswerable, match=r"metric.csi.thresholds: no pixel of the test split has 40"):
        scored(Oracle, RAIN, "csi", tmp_path, thresholds=[40.0])
    small = Video(2, 1, 8, 8, 17)
    with pytest.raises(Unanswerable, match="smaller than its window"):
        scored(Oracle, small, "ssim", tmp_path)


def test_levels_of_rain_are_compared_as_rates() -> None:
    assert rate_of(levels_of(torch.tensor([2.04]))).item() >= 2
