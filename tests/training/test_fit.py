"""`genlab train` of models that are fitted in one pass: the same artefacts as any run, in one step."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from genlab import build
from genlab.commands import train
from genlab.data.spaces import Split
from genlab.errors import CheckpointError, ConfigError, TrainingError
from genlab.evaluation import likelihood
from genlab.models.classical.base import Fitted
from genlab.models.classical.kde import KDE
from genlab.models.classical.tables import PixelHistogram
from genlab.restore import load
from genlab.runs import directory
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
PLANE = ["data=toy2d", "data.num_train=300", "data.num_val=50", "data.num_test=50"]
RUNS = {
    "histogram": ["model=histogram"],
    "naive_bayes": ["model=naive_bayes"],
    "kde": ["model=kde", *PLANE],
    "knn": ["model=knn", "model.max_points=200"],
    "gmm": ["model=gmm", "model.components=3"],
    "ppca": ["model=ppca"],
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_whole_and_its_checkpoint_scores_what_it_says(name: str, config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    summary = train.run(run, config(*RUNS[name]), console=QUIET)
    assert (summary["status"], summary["steps"]) == ("finished", 1)
    assert summary["fit"]
    assert (run / "tensorboard").is_dir()
    names = {path.name for path in (run / "samples").iterdir()}
    kinds = {path.removeprefix("final-") for path in names if path.startswith("final-")}
    assert names == {f"{start}-{kind}" for kind in kinds for start in ("final", "step-00000001")}
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [row["step"] for row in rows] == ["1"]
    path = checkpoint.latest(run / "checkpoints")
    loaded = load(path, trust=[], device=torch.device("cpu"))
    assert loaded.step == 1
    if name == "knn":
        assert "test" not in summary
        assert not (run / "checkpoints" / "best.ckpt").exists()
        return
    assert float(rows[0]["val/nll"]) == pytest.approx(summary["val"]["value"], rel=1e-6)
    assert checkpoint.read(run / "checkpoints" / "best.ckpt")["genlab"] == checkpoint.read(path)["genlab"]
    data = loaded.dataset(root=None, trust=[])
    record = likelihood.nll(loaded.model, data.test, split_name="test", num_particles=2, batch_size=10, seed=0)
    assert record.value == pytest.approx(summary["test"]["value"], rel=1e-5)
    assert record.value == pytest.approx(sum(record.terms.values()))


def test_two_runs_are_the_same(config: Callable, run_dir: Callable) -> None:
    one, other = (train.run(run_dir(name), config(*RUNS["gmm"]), console=QUIET) for name in "ab")
    assert one["test"]["value"] == other["test"]["value"]
    states = [checkpoint.read(Path(each["test"]["checkpoint"]))["state_dict"] for each in (one, other)]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


class Killed(BaseException):
    """Stands for a kill."""


def die(*args: Any, **settings: Any) -> None:
    raise Killed


def test_killed_while_it_fits_leaves_nothing_and_fits_again(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, settings = run_dir("a"), config("model=histogram")
    with monkeypatch.context() as patch:
        patch.setattr(PixelHistogram, "_counts", die)
        with pytest.raises(Killed):
            train.run(run, settings, console=QUIET)
    assert not list((run / "checkpoints").iterdir())
    assert not (run / "metrics.csv").exists()
    assert train.run(run, settings, console=QUIET)["test"]["n"] == 300


def test_killed_after_the_fit_goes_on_from_its_checkpoint(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed, settings = run_dir("whole"), run_dir("killed"), config("model=histogram")
    expected = train.run(whole, settings, console=QUIET)
    with monkeypatch.context() as patch:
        patch.setattr(directory, "write_json", die)
        with pytest.raises(Killed):
            train.run(killed, settings, console=QUIET)
    monkeypatch.setattr(PixelHistogram, "fit", die)
    summary = train.run(killed, settings, console=QUIET)
    assert summary["fit"] == expected["fit"]
    assert {**summary["test"], "checkpoint": ""} == {**expected["test"], "checkpoint": ""}
    assert (killed / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    for path in (whole / "samples").iterdir():
        assert (killed / "samples" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("odd", ["1", None, {}, float("nan"), torch.zeros(0)])
def test_a_fit_that_is_no_number_is_refused_before_anything_changes(
    odd: Any, config: Callable, run_dir: Callable
) -> None:
    run, settings = run_dir("run"), config("model=histogram")
    train.run(run, settings, console=QUIET)
    path = checkpoint.latest(run / "checkpoints")
    held = checkpoint.read(path)
    checkpoint.write(path, {**held, "fit": {"smoothing": odd}})
    before = {each: each.read_bytes() for each in run.rglob("*") if each.is_file()}
    with pytest.raises(CheckpointError, match=r"fit\.smoothing is .*should be a number"):
        train.run(run, settings, console=QUIET)
    assert {each: each.read_bytes() for each in run.rglob("*") if each.is_file()} == before


def test_batches_that_are_drawn_afresh_are_drawn_once(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, seen = build.dataset, []

    def binary(node: Any, *, trust: Any, root: Any = None) -> Any:
        full = dataset(node, trust=trust, root=root)
        halves = {part: Split(getattr(full, part).x // 9) for part in ("val", "test")}
        spec = dataclasses.replace(full.spec, levels=2)
        return dataclasses.replace(full, **halves, spec=spec, train_transform=lambda x, generator: x // 9)

    def fit(self: Fitted, train: Any, val: Any, **rest: Any) -> Any:
        seen.append(int(train.x.max()))
        return original(self, train, val, **rest)

    original = PixelHistogram.fit
    monkeypatch.setattr(build, "dataset", binary)
    monkeypatch.setattr(PixelHistogram, "fit", fit)
    assert train.run(run_dir("a"), config("model=histogram"), console=QUIET)["test"]["value"] < 64
    assert seen == [1]


def test_a_checkpoint_of_other_shapes_is_refused(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    train.run(run, config(*RUNS["kde"]), console=QUIET)
    path = checkpoint.latest(run / "checkpoints")
    payload = checkpoint.read(path)
    for wrong in (torch.zeros(10, 3), torch.zeros(10), torch.zeros(10, 2, 1)):
        payload["state_dict"]["model.points"] = wrong
        checkpoint.write(path, payload)
        with pytest.raises(CheckpointError, match="'points' is"):
            load(path, trust=[], device=torch.device("cpu"))
    del payload["state_dict"]["model.points"]
    checkpoint.write(path, payload)
    with pytest.raises(CheckpointError, match="'points' is missing there"):
        load(path, trust=[], device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=kde", "trainer=ddp"], r"trainer\.devices=2: genlab\.models\.kde is fitted in one pass by one process"),
        (["model=kde", "trainer.devices=[0,1]"], r"use trainer\.devices=1"),
        (["model=kde", "trainer.num_nodes=2"], r"fitted in one pass by one process"),
        (["model=vae", "objective=null"], r"objective: is null, but genlab\.models\.VAE is trained"),
        (["model=vae", "optim=null"], r"optim: is null"),
        (["model=gmm", "objective=maximum_likelihood"], "in one pass and has none"),
        (["model=gmm", "optim=adam"], "in one pass and has none"),
        (["model=gmm", "model.components=0"], r"model\.components"),
        (["model=naive_bayes", "data=toy2d"], "needs images and labels.*it fits data=.*digits"),
        (["model=gmm", "data=paired", "data.root=x"], "needs one set of examples.*it fits data=.*digits"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_loaded(
    overrides: list[str], message: str, config: Callable
) -> None:
    with pytest.raises(ConfigError, match=message):
        config(*overrides)


def test_a_model_of_one_s_own_is_checked_when_it_is_built(config: Callable, run_dir: Callable) -> None:
    settings = config("model=vae")
    with pytest.raises(ConfigError, match=r"objective, optim: VAE is trained by gradient descent; set both"):
        train.run(run_dir("a"), {**settings, "objective": None}, console=QUIET)
    with pytest.raises(ConfigError, match=r"objective: PixelHistogram is fitted in one pass"):
        train.run(run_dir("b"), {**config("model=histogram"), "objective": settings["objective"]}, console=QUIET)


def test_out_of_memory_advises_fewer_points(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KDE, "fit_points", lambda *args, **rest: torch.empty(2**60, dtype=torch.uint8))
    with pytest.raises(TrainingError, match=r"smaller model\.max_points"):
        train.run(run_dir("a"), config(*RUNS["kde"]), console=QUIET)


def test_a_likelihood_that_is_not_finite_ends_the_run(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    with pytest.raises(TrainingError, match=r"val/nll is inf: .*model\.bandwidth=auto"):
        train.run(run, config("model=kde", *PLANE, "model.bandwidth=1e-25"), console=QUIET)
    assert not (run / "summary.json").exists()


def test_what_a_fit_has_no_use_for_and_what_it_lowers_is_said(config: Callable, run_dir: Callable) -> None:
    console = Console(record=True, width=500)
    words = ["trainer.precision=bf16-mixed", "callbacks.ema.decay=0.9", "model.components=80", "model.max_points=40"]
    train.run(run_dir("a"), config("model=gmm", *PLANE, *words), console=console)
    said = console.export_text()
    assert "GMM is fitted in one pass, without trainer.precision=bf16-mixed, callbacks.ema.decay=0.9" in said
    assert "model.components=80 is more than" in said
    console = Console(record=True, width=500)
    train.run(run_dir("b"), config("model=gmm", *PLANE, "model.components=3"), console=console)
    said = console.export_text()
    assert "without" not in said
    assert "is more than" not in said
