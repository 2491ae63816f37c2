"""Finite nonsense is told: likelihoods that everybody beats, latents that nobody uses, batches that cannot work."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from genlab.commands import train
from genlab.comparison.columns import COLUMNS, TRIVIAL
from genlab.comparison.recorded import Run, read
from genlab.comparison.show import significant, two_digits
from genlab.comparison.value import Value
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import ConfigError
from genlab.evaluation.record import Record
from genlab.evaluation.reference import judged, reference
from genlab.evaluation.units import units
from genlab.launch import worker
from genlab.models import VAE

PLANE = ["data=toy2d", "data.num_train=600", "data.num_val=60", "data.num_test=60", "trainer.val_check_interval=2"]


def data(x: torch.Tensor, levels: int | None) -> Dataset:
    split = Split(x)
    return Dataset("any", DataSpec(tuple(x.shape[1:]), levels), split, split, split)


def record(value: float, error: float | None = 0.1) -> Record:
    return Record("nll", value, "nats per example", "exact", 9, error, "test", 0)


def test_integers_are_measured_by_noise_and_reals_by_independent_normals() -> None:
    grey = reference(data(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), 17), Split(torch.zeros(5, 1, 8, 8)))
    assert grey is not None
    assert grey.nats == pytest.approx(64 * math.log(17))
    x = torch.randn(400, 3) * torch.tensor([1.0, 5.0, 0.1]) + 7
    real = reference(data(x, None), Split(x[:30]))
    normal = torch.distributions.Normal(x.double().mean(0), x.double().std(0, correction=0))
    assert real is not None
    assert real.nats == pytest.approx(-normal.log_prob(x[:30]).sum(1).mean().item())
    assert reference(data(torch.ones(5, 2), None), Split(torch.ones(5, 2))) is None


def test_a_number_is_told_as_nonsense_only_when_it_is_surely_worse() -> None:
    x = torch.zeros(5, 1, 8, 8, dtype=torch.uint8)
    digits, split = data(x, 17), Split(x)
    bound = 64 * math.log(17)
    assert judged(record(bound - 1), digits, split).warning is None
    assert judged(record(bound + 0.1), digits, split).warning is None
    warned = judged(record(3.7e17, None), digits, split)
    assert warned.warning == "nll is worse than noise in which all 17 levels are alike, which has 181.33 nats"
    assert warned.scaled(2.0, metric="bpd", unit="").warning == warned.warning


def test_a_run_that_ends_in_nonsense_says_so(
    config: Callable, run_dir: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Path = run_dir("a")
    words = [*PLANE, "model=realnvp", "model.couplings=2", "model.hidden=[4]", "trainer.max_steps=4", "optim.lr=3"]
    summary = train.run(run, config(*words), console=Console(quiet=True))
    assert "nll is worse than independent normal distributions" in summary["test"]["warning"]
    assert [each["step"] for each in summary["warnings"]] == [4]
    worker._report_training(run, summary, trust=[])
    shown = capsys.readouterr().out
    assert "test nll is worse than independent normal distributions" in shown
    assert max(map(len, shown.split())) < 400
    found = Run("a", run, {}, facts={"dim": 2, "levels": None}, records={"nll": [summary["test"]]})
    cell = COLUMNS[0].of(found)
    assert isinstance(cell, Value)
    assert cell.note == TRIVIAL
    (run / "config.yaml").write_text("config: {name: a-b, data: {_target_: x.b}}\noverrides: []\n")
    assert any("worse than" in note for note in read({"run_dir": str(run), "name": "a"}).notes)


def test_what_is_huge_is_short() -> None:
    assert [significant(3.7e17), two_digits(2.5e27)] == ["3.7e+17", "2.5e+27"]


@pytest.mark.parametrize("words", [["data.batch_size=1"], ["data.num_train=1"]])
def test_batch_normalisation_of_batches_of_one_is_refused(
    words: list[str], config: Callable, run_dir: Callable
) -> None:
    flow = [*PLANE, "model=realnvp", "model.norm=batchnorm", "model.hidden=[4]", *words]
    run = run_dir("a")
    with pytest.raises(ConfigError, match=r"data.batch_size: batch normalisation needs .* at least 2 examples"):
        train.run(run, config(*flow), console=Console(quiet=True))
    assert not list((run / "checkpoints").iterdir())


@pytest.mark.parametrize("conditional", [False, True])
def test_units_in_use_are_those_whose_posterior_mean_depends_on_the_data(conditional: bool) -> None:
    torch.manual_seed(0)
    spec = DataSpec((2,), None, 3)
    model = VAE(spec, latent_dim=3, hidden=[], condition="label" if conditional else None)
    layer = model.net.encoder[0]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[1, 0] = 0.5  # E[z_1 | x] = x_0 / 2
        layer.bias[5] = math.log(0.25)  # Var[z_2 | x] = 1/4
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(1))
    split = Split(x, torch.arange(500) % 3)
    found = units(model, Dataset("any", spec, split, split, split), seed=0)
    moved = 0.5 * 0.25 * x[:, 0].square().mean().item()
    assert (found["units"], found["active"], found["n"]) == (3, 1, 500)
    assert found["kl_per_unit"] == pytest.approx([0.0, moved, 0.5 * (0.25 - math.log(0.25) - 1)], abs=1e-6)
    assert found["kl"] == pytest.approx(sum(found["kl_per_unit"]))


def test_a_collapsed_posterior_is_told(config: Callable, run_dir: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["model.hidden=[4]", "model.latent_dim=3", "trainer.max_steps=3", "optim.lr=1e-9"]
    run = run_dir("a")
    console = Console(record=True, width=200, file=io.StringIO())
    summary = train.run(run, config(*words, "objective.beta=1000"), console=console)
    assert summary["latents"]["units"] == len(summary["latents"]["kl_per_unit"]) == 3
    shrunk = {**summary, "latents": {**summary["latents"], "active": 0, "kl": 0.002}}
    from genlab.commands.closing import of_records

    (told,) = [each["message"] for each in of_records(shrunk) if "latents" in each["message"]]
    assert told.startswith("none of the 3 latents is in use (KL 0.002 nats)")
    worker._report_training(run, summary, trust=[])
    assert "of 3 in use, KL" in capsys.readouterr().out
