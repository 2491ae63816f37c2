"""What ``genlab sample`` does with a generator: pictures of noise, truncated noise, paths; and what it refuses."""

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
QUICK = ["trainer.max_steps=3", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "test.num_particles=2"]
PLANE = ["data=toy2d", "data.num_train=600", "data.num_val=50", "data.num_test=50"]
RUNS = {
    "pixels": ["model=conditional_dcgan", "model.channels=4", "model.latent_dim=5"],
    "plane": ["model=gan", "model.hidden=[8]", *PLANE],
    "vae": ["model=vae", "model.hidden=[8]"],
}


def settings(verb: str, *overrides: str) -> dict[str, Any]:
    composed = compose(verb, list(overrides))
    assert composed is not None
    return composed.config


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


@pytest.fixture
def draw(trained: dict[str, Path], tmp_path: Path) -> Callable[..., dict[str, np.ndarray]]:
    """``draw("pixels", "task=traverse")`` gives the arrays that were written."""

    def run(name: str, *words: str) -> dict[str, np.ndarray]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        config = settings("sample", f"ckpt={trained[name]}", "accelerator=cpu", "n=20", *words)
        with np.load(sample.run(folder, config, console=QUIET)["arrays"]) as arrays:
            return dict(arrays)

    return run


@pytest.mark.parametrize("name", ["pixels", "plane"])
def test_truncation_bounds_the_latents(name: str, draw: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    whole, cut = draw(name), draw(name, "truncation=0.7")
    assert np.abs(whole["latents"]).max() > 0.7 >= np.abs(cut["latents"]).max()
    for arrays in (whole, cut):
        assert arrays["samples"].dtype == (np.uint8 if name == "pixels" else np.float32)
        assert np.allclose(arrays["samples"], arrays["means"], atol=0.5 if name == "pixels" else 0.0)
    said = capsys.readouterr().out
    assert "E[x | z]" not in said
    if name == "pixels":
        assert "(samples)" in said
        assert "samples of latents up to 0.7" in said


def test_samples_depend_on_the_seed_alone(draw: Callable) -> None:
    one, same, other = draw("plane"), draw("plane"), draw("plane", "seed=1")
    assert np.array_equal(one["samples"], same["samples"])
    assert not np.array_equal(one["samples"], other["samples"])


def test_a_class_can_be_named(draw: Callable) -> None:
    assert (draw("pixels", "label=3")["y"] == 3).all()
    assert list(draw("pixels")["y"]) == list(range(10)) * 2


@pytest.mark.parametrize("task", ["interpolate", "traverse"])
def test_a_generator_walks_through_its_latents(task: str, draw: Callable) -> None:
    arrays = draw("pixels", f"task={task}", "n=3", "steps=4")
    assert arrays["latents"].reshape(-1, 5).shape == (12, 5)
    assert arrays["means"].shape == (12, 1, 8, 8)


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        (
            "vae",
            ["truncation=0.7"],
            r"truncation=0\.7: VAE has none; task=sample needs a generator of latents \(model=gan or model=dcgan\)",
        ),
        (
            "pixels",
            ["truncation=0.7", "task=interpolate"],
            "task=interpolate has no use for it; it is of task=sample",
        ),
        ("pixels", ["temperature=0.7"], "DCGAN has none"),
        (
            "pixels",
            ["task=reconstruct"],
            "cannot do it; it can do augment, denoise, inpaint, interpolate, sample, sense, superresolve",
        ),
        ("plane", ["label=1"], "GAN is not class-conditional; train with model.condition=label"),
    ],
)
def test_what_a_generator_has_not_is_refused(name: str, words: list[str], message: str, draw: Callable) -> None:
    with pytest.raises(ConfigError, match=message):
        draw(name, *words)


def test_a_likelihood_is_refused_in_one_sentence(trained: dict[str, Path], tmp_path: Path) -> None:
    config = settings("eval", f"ckpt={trained['pixels']}", "accelerator=cpu", "metric=[nll]")
    with pytest.raises(ConfigError, match="DCGAN") as caught:
        evaluate.run(tmp_path, config, console=QUIET)
    assert len(str(caught.value).splitlines()) == 1
