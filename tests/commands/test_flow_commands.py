"""train, sample and eval with flows: what the types promise reaches the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from genlab.commands import evaluate, sample, train
from genlab.config.compose import compose
from genlab.errors import ConfigError
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
QUICK = ["trainer.max_steps=3", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "test.num_particles=2"]
PLANE = ["data=toy2d", "data.num_train=600", "data.num_val=50", "data.num_test=50"]
RUNS = {
    "pixels": ["model=realnvp", "model.channels=4", "model.couplings=1"],
    "plane": ["model=realnvp", "model.hidden=[8]", *PLANE],
    "vae": ["model=vae", "model.hidden=[8]"],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    paths = {}
    for name, overrides in RUNS.items():
        run = tmp_path_factory.mktemp(name)
        (run / "checkpoints").mkdir()
        (run / "samples").mkdir()
        train.run(run, settings("train", *QUICK, *overrides), console=QUIET)
        paths[name] = checkpoint.latest(run / "checkpoints")
    return paths


def settings(verb: str, *overrides: str) -> dict[str, Any]:
    composed = compose(verb, list(overrides))
    assert composed is not None
    return composed.config


def draw(ckpt: Path, folder: Path, *words: str) -> dict[str, np.ndarray]:
    folder.mkdir()
    config = settings("sample", f"ckpt={ckpt}", "accelerator=cpu", "n=20", *words)
    with np.load(sample.run(folder, config, console=QUIET)["arrays"]) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", ["pixels", "plane"])
def test_temperature_scales_the_latents_of_the_same_seed(
    trained: dict[str, Path], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    warm, cold = (draw(trained[name], tmp_path / t, f"temperature={t}") for t in ("1.0", "0.5"))
    assert np.allclose(cold["latents"], 0.5 * warm["latents"])
    assert not np.array_equal(cold["samples"], warm["samples"])
    assert np.allclose(cold["samples"], cold["means"])
    assert cold["samples"].dtype == (np.uint8 if name == "pixels" else np.float32)
    if name == "pixels":
        assert "samples at temperature 0.5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("vae", ["temperature=0.7"], r"temperature=0\.7: VAE has none"),
        (
            "pixels",
            ["temperature=0.7", "task=interpolate"],
            "has no use for it; it is of task=complete or sample",
        ),
    ],
)
def test_temperature_is_refused_where_there_is_none(
    trained: dict[str, Path], tmp_path: Path, name: str, words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        draw(trained[name], tmp_path / "run", *words)
    assert not list((tmp_path / "run").iterdir())


def test_temperature_is_positive() -> None:
    with pytest.raises(ConfigError, match="temperature"):
        settings("sample", "temperature=0")


@pytest.mark.parametrize("task", ["reconstruct", "interpolate", "traverse"])
def test_the_tasks_of_models_with_latents(trained: dict[str, Path], tmp_path: Path, task: str) -> None:
    arrays = draw(trained["pixels"], tmp_path / task, f"task={task}", *([] if task == "reconstruct" else ["steps=3"]))
    if task == "reconstruct":
        assert np.array_equal(arrays["originals"], arrays["reconstructions"])
    else:
        assert arrays["latents"].shape[-1] == 64


def test_the_ledger_says_exact_on_vectors_and_bound_with_its_terms_on_pixels(
    trained: dict[str, Path], tmp_path: Path
) -> None:
    found = {}
    for name, metric in (("plane", "[nll]"), ("pixels", "[nll,bpd,elbo]")):
        run = tmp_path / name
        run.mkdir()
        particles = "metric.nll.num_particles=3"
        words = [f"ckpt={trained[name]}", "accelerator=cpu", f"metric={metric}", particles]
        words += ["metric.bpd.num_particles=3"] if name == "pixels" else []
        evaluate.run(run, settings("eval", *words), console=QUIET)
        found[name] = {r["metric"]: r for r in json.loads((run / "summary.json").read_text())["records"]}
    assert found["plane"]["nll"]["kind"] == "exact"
    assert found["plane"]["nll"]["num_particles"] is None
    assert set(found["plane"]["nll"]["terms"]) == {"model"}
    for metric, kind, unit in (
        ("nll", "upper bound", "nats per example"),
        ("bpd", "upper bound", "bits/dim"),
        ("elbo", "lower bound", "nats per example"),
    ):
        record = found["pixels"][metric]
        assert (record["kind"], record["unit"]) == (kind, unit)
        assert set(record["terms"]) == {"model", "logit", "levels", "dequantisation"}
        assert record["value"] == pytest.approx(sum(record["terms"].values()), rel=1e-9)
    assert found["pixels"]["bpd"]["terms"]["levels"] == pytest.approx(np.log2(17), rel=1e-6)


def test_metrics_that_a_flow_cannot_have_are_refused(trained: dict[str, Path], tmp_path: Path) -> None:
    for metric in ("bpd", "elbo"):
        config = settings("eval", f"ckpt={trained['plane']}", "accelerator=cpu", f"metric=[{metric}]")
        with pytest.raises(ConfigError, match=r"it can have .*metric=nll"):
            evaluate.run(tmp_path, config, console=QUIET)
