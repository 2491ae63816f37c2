"""Metrics at every validation of a run, and the checkpoint that one of them calls the best."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from genlab.commands import train
from genlab.config.compose import compose
from genlab.errors import ConfigError
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
GAN = ["model=gan", "model.hidden=[8]", "callbacks.ema.decay=null"]
PLANE = ["data=toy2d", "data.name=eight_gaussians", "data.num_train=400", "data.num_val=80", "data.num_test=50"]
SHORT = [
    *("trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "logger=csv", "data.batch_size=20"),
    *(
        "trainer.max_steps=6",
        "trainer.val_check_interval=2",
        "trainer.log_every_n_steps=2",
        "test.num_particles=1",
        "callbacks.samples.n=1",
    ),
]


def trained(run: Path, *words: str) -> tuple[Path, list[dict[str, str]], dict[str, Any]]:
    for name in ("checkpoints", "samples"):
        (run / name).mkdir(parents=True)
    composed = compose("train", [*PLANE, *SHORT, *words])
    assert composed is not None
    summary = train.run(run, composed.config, console=QUIET)
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    return run / "checkpoints", rows, summary


def step_of(path: Path) -> int:
    return checkpoint.read(path)["genlab"]["step"]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.read(checkpoint.latest(folder))["state_dict"]


@pytest.mark.parametrize(("best", "sign"), [("sliced_wasserstein", 1), ("mode_coverage", -1)])
def test_a_gan_has_a_best_checkpoint_by_a_metric_and_trains_as_without(best: str, sign: int, tmp_path: Path) -> None:
    plain, _, _ = trained(tmp_path / "plain", *GAN)
    assert not (plain / "best.ckpt").exists()
    words = ["validation.metrics=[mmd]", "validation.max_examples=64", f"validation.best={best}"]
    folder, rows, summary = trained(tmp_path / "run", *GAN, *words)
    found = {int(row["step"]): sign * float(row[f"val/{best}"]) for row in rows if row.get(f"val/{best}")}
    assert list(found) == [2, 4, 6]
    assert step_of(folder / "best.ckpt") == min(found, key=lambda step: found[step])
    assert sum(bool(row.get("val/mmd")) for row in rows) == 3
    said = {each["metric"]: each for each in summary["validation"]}
    assert {"mmd", best} <= set(said)
    assert said["mmd"]["split"] == "val"
    assert said["mmd"]["n"] == 64
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["validation"] == summary["validation"]
    one, other = weights(plain), weights(folder)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_likelihood_is_what_says_which_is_best_unless_another_is_named(tmp_path: Path) -> None:
    vae = ["model.hidden=[8]", "model.latent_dim=2", "optim.lr=0.5"]  # so fast that it gets worse
    runs = {
        name: trained(tmp_path / name, *vae, *words)
        for name, words in {
            "default": [],
            "nll": ["validation.metrics=[nll]", "validation.best=nll"],
            "mmd": ["validation.best=mmd", "validation.max_examples=60"],
        }.items()
    }
    for name, (folder, rows, _) in runs.items():
        column = "val/mmd" if name == "mmd" else "val/nll"
        found = {int(row["step"]): float(row[column]) for row in rows if row.get(column)}
        assert step_of(folder / "best.ckpt") == min(found, key=lambda step: found[step])
    assert runs["default"][1][0].keys() == runs["nll"][1][0].keys()


def test_a_model_that_is_fitted_has_one_validation_after_the_fit(tmp_path: Path) -> None:
    gmm = ["model=gmm", "model.components=2", "trainer.max_steps=null"]
    plain, _, _ = trained(tmp_path / "plain", *gmm)
    words = ["validation.metrics=[mmd,kl]", "validation.best=mmd", "validation.max_examples=64"]
    folder, rows, summary = trained(tmp_path / "run", *gmm, *words)
    said = {each["metric"]: each for each in summary["validation"]}
    assert set(said) == {"mmd", "kl"}
    assert said["mmd"]["n"] == 64
    (row,) = [row for row in rows if row.get("val/mmd")]
    assert float(row["val/mmd"]) == pytest.approx(said["mmd"]["value"])
    assert row["val/nll"]
    assert step_of(folder / "best.ckpt") == step_of(plain / "best.ckpt") == 1
    one, other = weights(plain), weights(folder)
    assert all(torch.equal(one[name], other[name]) for name in one)
    knn = ["model=knn", "validation.metrics=[nll]", "validation.best=mmd", "trainer.max_steps=null"]
    _, _, summary = trained(tmp_path / "knn", *knn)
    assert [each["metric"] for each in summary["validation"]] == ["mmd"]
    assert summary["val"]["metric"] == "nll"  # which it has anyway


FAILS = '''
from genlab.metrics import Metric


class Broken(Metric):
    """Raises."""

    better = "lower"

    def compute(self, subject):
        raise ZeroDivisionError("nothing to\\ndivide by")
        yield
'''


@pytest.mark.parametrize("model", [GAN, ["model=gmm", "model.components=2", "trainer.max_steps=null"]])
def test_a_users_metric_that_raises_is_told_once_and_does_not_end_the_run(
    model: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ownbroken").mkdir()
    (tmp_path / "ownbroken" / "__init__.py").write_text("")
    (tmp_path / "ownbroken" / "broken.py").write_text(FAILS)
    monkeypatch.syspath_prepend(tmp_path)
    words = ["validation.metrics=[ownbroken.broken,mmd]", "validation.best=ownbroken.broken", "trust=[ownbroken]"]
    said: list[str] = []
    monkeypatch.setattr(QUIET, "print", lambda text, **_: said.append(str(text)))
    folder, rows, summary = trained(tmp_path / "run", *model, *words)
    assert [each["metric"] for each in summary["validation"]] == ["mmd"]
    (line,) = [line for line in said if "ownbroken" in line]
    assert line.startswith("failed   metric ownbroken.broken: _target_=ownbroken.broken.Broken: raised ZeroDivisionErr")
    assert line.endswith("the run goes on without it")
    assert len(line.splitlines()) == 1
    assert any(row.get("val/mmd") for row in rows)
    assert not (folder / "best.ckpt").exists()
    assert summary["status"] == "finished"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["validation.metrics=[nl]"],
            r"validation.metrics.0: no such metric; choose from active_units, .*did you mean nll",
        ),
        (["validation.best=mdm"], r"validation.best: no such metric; .*did you mean mmd"),
        ([*GAN, "validation.best=nll"], r"validation: metric nll needs a likelihood; \w+ cannot have it"),
        (["validation.metrics=[fcd]"], r"validation: metric fcd needs labelled pictures"),
        ([*GAN, "validation.best=diversity"], r"validation.best=diversity: neither high nor low is better"),
        (
            ["model=gmm", "validation.metrics=[energy]"],
            r"metric energy needs an energy; GMM cannot have it",
        ),
        (["validation.metrics=[nowhere.mine]"], r"validation: nowhere.mine is no metric"),
    ],
)
def test_what_cannot_be_measured_is_said_before_the_first_step(words: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        trained(tmp_path / "run", *words)
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
