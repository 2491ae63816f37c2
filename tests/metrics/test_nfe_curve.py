"""metric=nfe_curve: what samplers make of their evaluations, on a flow that is known in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

from genlab.data.dataset import Dataset, Split
from genlab.data.spaces import DataSpec
from genlab.evaluation import classifier
from genlab.evaluation.artefacts.tradeoff import tradeoff
from genlab.metrics import METRICS
from genlab.metrics.nfe_curve import NFECurve
from genlab.metrics.subject import Subject, Unanswerable
from genlab.models import VAE, Diffusion, flow_matching
from genlab.models.diffusion.flow_matching import ContinuousFlow
from genlab.restore import Loaded
from genlab.samplers import ALONG_PATH
from tests.contracts.catalogue import GREY, off_identity

PLANE = DataSpec((2,), None)
STD = 0.2


class Narrow(ContinuousFlow):
    """The straight flow to data N(0, STD^2)."""

    def flow(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        t = t[:, None]
        return (t - (1 - t) * STD**2) / ((1 - t) ** 2 * STD**2 + t**2) * x


def narrow() -> Narrow:
    made = flow_matching(PLANE, width=8, blocks=1)
    made.__class__ = Narrow
    return made.eval()


def of(model: torch.nn.Module, data: Dataset, folder: Path, **config: object) -> Subject:
    loaded = Loaded(Path(), {}, data.spec, 0, model)
    return Subject(loaded, model, data, {"split": "test", "seed": 0, **config}, Console(quiet=True), folder)


def points() -> Dataset:
    g = torch.Generator().manual_seed(0)
    train, val, test = (Split(STD * torch.randn(n, 2, generator=g)) for n in (800, 10, 800))
    return Dataset("narrow", PLANE, train, val, test)


def test_more_evaluations_come_closer_and_better_samplers_sooner(tmp_path: Path) -> None:
    subject = of(narrow(), points(), tmp_path)
    found = {each.metric: each for each in NFECurve(evaluations=[4, 64]).compute(subject)}
    assert set(found) == {f"nfe_{name}_{cost}" for name in set(ALONG_PATH) - {"ddim"} for cost in (4, 64)}
    value = {name: each.value for name, each in found.items()}
    for name in ("euler", "heun", "ancestral"):
        assert value[f"nfe_{name}_64"] < value[f"nfe_{name}_4"]
    assert value["nfe_heun_64"] < 0.03
    assert all(each.kind == "estimate" and each.standard_error is not None for each in found.values())
    assert len({each.method for each in found.values()}) == 1  # a single line below the table
    assert "of 800 samples" in found["nfe_heun_4"].method
    assert Image.open(tmp_path / "pictures" / "nfe_curve.png").size[0] > 300


@pytest.mark.parametrize("name", [name for name in ALONG_PATH if name != "ddim"])
def test_a_record_of_so_many_evaluations_took_them(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    flow = Narrow.flow
    monkeypatch.setattr(
        Narrow, "flow", lambda self, x, *rest, **named: asked.append(1) or flow(self, x, *rest, **named)
    )
    (record,) = NFECurve(evaluations=[8], samplers=[name], n=20).compute(of(narrow(), points(), tmp_path))
    assert record.metric == f"nfe_{name}_8"
    assert len(asked) == 8


def test_a_sampler_whose_step_is_dearer_is_left_out(tmp_path: Path) -> None:
    found = [each.metric for each in NFECurve(evaluations=[2, 3], n=50).compute(of(narrow(), points(), tmp_path))]
    assert "nfe_euler_3" in found
    assert "nfe_heun_2" in found
    assert "nfe_heun_3" not in found
    assert not any("rk4" in name for name in found)


def test_on_a_straight_path_ddim_is_euler_and_not_done_twice(tmp_path: Path) -> None:
    asked = NFECurve(evaluations=[5], samplers=["ddim", "euler"], n=60)
    ddim, euler = asked.compute(of(narrow(), points(), tmp_path))
    assert ddim.value == pytest.approx(euler.value, rel=1e-4)
    curved = Diffusion(PLANE, width=8, blocks=1).eval()
    names = [each.metric for each in NFECurve(evaluations=[1], n=20).compute(of(curved, points(), tmp_path))]
    assert {"nfe_ddim_1", "nfe_euler_1"} <= set(names)


def test_pictures_are_compared_by_their_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(classifier, "STEPS", 3)
    g = torch.Generator().manual_seed(0)
    x = torch.randint(GREY.levels, (300, *GREY.event_shape), generator=g, dtype=torch.uint8)
    whole = Split(x, torch.arange(300) % GREY.num_classes)
    data = Dataset("noise", GREY, whole, whole, whole)
    model = off_identity(flow_matching(GREY, width=8, blocks=1)).eval()
    subject = of(model, data, tmp_path)
    (record,) = NFECurve(evaluations=[1], samplers=["euler"], n=250).compute(subject)
    assert record.metric == "nfe_euler_1"
    assert record.unit == "squared distance"
    with pytest.raises(Unanswerable, match="nfe_curve"):
        list(NFECurve(n=5).compute(subject))


def test_who_goes_along_no_path_has_none(tmp_path: Path) -> None:
    loaded = Loaded(Path(), {}, GREY, 0, VAE(GREY, latent_dim=2, hidden=[4]))
    assert "steps from noise" in METRICS["nfe_curve"].lacks(loaded)


def test_lines_are_drawn() -> None:
    figure = tradeoff(
        {"euler": [(4, 1.0), (8, 0.5)], "heun": [(4, 0.5), (8, 0.1)]}, cost="c", quality="q", floor=0.05, floor_name="f"
    )
    assert figure.dtype == np.uint8
    assert figure.shape[2] == 3
