"""``model.condition=label`` and ``vector`` from the command line: train, sample what is asked for, score."""

from __future__ import annotations

from collections.abc import Callable
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
QUICK = ["trainer.max_steps=20", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "test.num_particles=2"]
CHAINS = ["objective.steps=2", "objective.replay_size=64", "model.chain_steps=5"]
SMALL = {
    "vae": ["model.hidden=[16]"],
    "realnvp": ["model.couplings=1", "model.channels=4", "model.blocks=1", "model.hidden=[16]"],
    "nice": ["model.hidden=[16]"],
    "ebm": ["model.channels=4", "model.hidden=[16]", *CHAINS],
    "gan": ["model.hidden=[16]"],
    "pixelcnn": ["model.channels=6", "model.blocks=1", "model.head_channels=6"],
}
GIVES_VECTORS = ("vae", "realnvp", "nice", "ebm", "gan")


def settings(verb: str, *overrides: str) -> dict[str, Any]:
    composed = compose(verb, list(overrides))
    assert composed is not None
    return composed.config


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Path]:
    """``trained("vae", "model.condition=label")``: the checkpoint of a short run."""

    def run(name: str, *words: str) -> Path:
        folder = tmp_path / "run"
        for part in ("checkpoints", "samples"):
            (folder / part).mkdir(parents=True)
        small = ["data.batch_size=16", f"model={name}", *SMALL[name]]
        train.run(folder, settings("train", *QUICK, *small, *words), console=QUIET)
        return checkpoint.latest(folder / "checkpoints")

    return run


def scored(path: Path, folder: Path, metric: str, *words: str) -> dict[str, Any]:
    folder.mkdir()
    config = settings("eval", f"ckpt={path}", "accelerator=cpu", f"metric={metric}", *words)
    return {record.metric: record for record in evaluate.run(folder, config, console=QUIET)}


@pytest.mark.parametrize("name", SMALL)
def test_a_model_given_the_label_draws_the_class_that_is_asked_for(name: str, trained: Callable, tmp_path: Path):
    path = trained(name, "model.condition=label", "data=digits")
    (tmp_path / "sample").mkdir()
    config = settings("sample", f"ckpt={path}", "accelerator=cpu", "n=4", "label=3")
    with np.load(sample.run(tmp_path / "sample", config, console=QUIET)["arrays"]) as arrays:
        assert arrays["y"].tolist() == [3] * 4
        assert arrays["samples"].shape == (4, 1, 8, 8)
    if name in {"ebm", "gan"}:
        return
    particles = [] if name == "pixelcnn" else ["metric.nll.num_particles=2"]
    nll = scored(path, tmp_path / "nll", "nll", *particles)["nll"]
    assert nll.conditional is True
    assert "given the label" in str(nll)
    found = scored(path, tmp_path / "bayes", "bayes", "metric.bayes.max_examples=40", "metric.bayes.num_particles=2")
    assert 0 <= found["bayes"].value <= 1


@pytest.mark.parametrize("name", GIVES_VECTORS)
def test_a_model_given_vectors_is_sampled_and_scored_at_those_of_the_test_split(
    name: str, trained: Callable, tmp_path: Path
) -> None:
    g = np.random.default_rng(0)
    c = g.uniform(-1, 1, (400, 2)).astype(np.float32)
    x = c + 0.1 * g.standard_normal((400, 2)).astype(np.float32)
    np.savez(tmp_path / "given.npz", x=x, c=c)
    path = trained(name, "model.condition=vector", "data=arrays", f"data.root={tmp_path}/given.npz", "data.kind=vector")
    (tmp_path / "sample").mkdir()
    config = settings("sample", f"ckpt={path}", "accelerator=cpu", "n=6")
    with np.load(sample.run(tmp_path / "sample", config, console=QUIET)["arrays"]) as arrays:
        assert arrays["samples"].shape == arrays["c"].shape == (6, 2)
        assert all((c == row).all(1).any() for row in arrays["c"]), "vectors of examples"
    if name in {"ebm", "gan"}:
        return
    nll = scored(path, tmp_path / "nll", "nll")["nll"]
    assert nll.conditional == "vector"
    assert "given the vector" in str(nll)


@pytest.mark.parametrize("name", SMALL)
def test_data_without_labels_is_refused_when_the_config_is_composed(name: str) -> None:
    data = "toy2d" if name != "pixelcnn" else "celeba"
    with pytest.raises(ConfigError, match=r"model.condition=label needs labels, this data has none; it fits data="):
        compose("train", [f"model={name}", "model.condition=label", f"data={data}"])


def test_data_without_vectors_is_refused_when_the_config_is_composed() -> None:
    with pytest.raises(ConfigError, match=r"model.condition=vector needs .*, this data has none; it fits data=arrays"):
        compose("train", ["model=vae", "model.condition=vector", "data=digits"])


def test_a_name_of_before_is_the_option(tmp_path: Path) -> None:
    config = settings("train", "model=vae", "model._target_=genlab.models.ConditionalVAE", "data=digits")
    assert config["model"]["_target_"] == "genlab.models.VAE"
    assert config["model"]["condition"] == "label"
    assert config["model"] == settings("train", "model=cvae", "data=digits")["model"]
