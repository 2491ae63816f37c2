"""What ``genlab sample`` and ``genlab eval`` do with an energy: chains to look at, pictures restored, grids."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence
from rich.console import Console

from genlab.commands import evaluate, sample, train
from genlab.config.compose import compose
from genlab.errors import ConfigError
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
TINY = ["model=ebm", "model.chain_steps=5", "objective.steps=2", "objective.replay_size=256"]
QUICK = [
    "model.hidden=[8]",
    "model.channels=4",
    "test.num_particles=2",
    "trainer.max_steps=3",
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    paths = {}
    plane = ["data=toy2d", "data.num_train=600", "data.num_val=50", "data.num_test=50"]
    for name, words in {"digits": [*TINY, *QUICK], "plane": [*TINY, *QUICK, *plane], "vae": QUICK}.items():
        run = tmp_path_factory.mktemp(name)
        (run / "checkpoints").mkdir()
        (run / "samples").mkdir()
        composed = compose("train", words)
        assert composed is not None
        summary = train.run(run, composed.config, console=QUIET)
        paths[name] = checkpoint.latest(run / "checkpoints")
        assert ("test" in summary) == (name != "digits")
        assert ("energy" in summary) == (name != "vae")
        assert ((run / "checkpoints" / "best.ckpt").exists()) == (name != "digits")
    return paths


def settings(verb: str, ckpt: Path, *overrides: str) -> dict[str, Any]:
    composed = compose(verb, [f"ckpt={ckpt}", "accelerator=cpu", *overrides])
    assert composed is not None
    return composed.config


@pytest.fixture
def draw(trained: dict[str, Path], tmp_path: Path) -> Callable[..., tuple[dict[str, Path], dict[str, np.ndarray]]]:
    """``draw("digits", "task=denoise")`` gives the paths and the arrays that were written."""

    def run(name: str, *words: str) -> tuple[dict[str, Path], dict[str, np.ndarray]]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        paths = sample.run(folder, settings("sample", trained[name], *words), console=QUIET)
        with np.load(paths["arrays"]) as arrays:
            return paths, dict(arrays)

    return run


@pytest.mark.parametrize(("name", "shape"), [("digits", (1, 8, 8)), ("plane", (2,))])
def test_a_trajectory_is_a_strip_and_a_gif_of_the_chains_that_end_in_the_samples(draw, name, shape) -> None:
    paths, arrays = draw(name, "trajectory=true", "n=12", "batch_size=8")
    _, plain = draw(name, "n=12", "batch_size=8")
    assert arrays["trajectory"].shape == (20, 12, *shape)
    assert np.array_equal(arrays["trajectory"][-1], arrays["samples"])
    assert np.array_equal(arrays["samples"], plain["samples"]), "to look at a chain does not change it"
    assert paths["strip.png"].name == "sample.strip.png"
    strip = Image.open(paths["strip.png"])
    assert strip.width > strip.height or name == "digits"
    with Image.open(paths["gif"]) as gif:
        assert len(list(ImageSequence.Iterator(gif))) > 3
    again, _ = draw(name, "trajectory=true", "n=12", "batch_size=8")
    assert all(path.read_bytes() == again[kind].read_bytes() for kind, path in paths.items())


def test_denoising_starts_at_noisy_test_pictures(draw) -> None:
    _, arrays = draw("digits", "task=denoise", "method=chain", "n=16", "noise=0.25", "steps=3")
    error = (arrays["noisy"].astype(float) - arrays["originals"]) / 16
    assert 0.1 < error.std() < 0.25  # clamping to the levels takes some of it away
    assert arrays["path"].shape == (3, 16, 1, 8, 8)
    assert np.array_equal(arrays["path"][0], arrays["noisy"])
    assert np.array_equal(arrays["path"][-1], arrays["denoised"])


@pytest.mark.parametrize("task", ["denoise", "inpaint"])
def test_what_chains_make_of_a_picture_depends_on_no_other(draw, task: str) -> None:
    (_, few), (_, many) = (draw("digits", f"task={task}", "method=chain", f"n={n}", "steps=2") for n in (3, 66))
    assert all(np.array_equal(few[name], many[name][:3]) for name in few if name != "path")
    assert np.array_equal(few["path"], many["path"][:, :3])


@pytest.mark.parametrize("keep", ["top", "left", "mask.png"])
def test_inpainting_keeps_what_it_is_told_to(draw, keep: str, tmp_path: Path) -> None:
    kept = np.zeros((8, 8), bool)
    kept[: 4 if keep == "top" else 8, : 4 if keep == "left" else 8] = True
    if keep == "mask.png":
        kept[2:6, 2:6] = False
        Image.fromarray(np.where(kept, 255, 0).astype(np.uint8)).save(tmp_path / keep)
        keep = str(tmp_path / keep)
    _, arrays = draw("digits", "task=inpaint", "method=chain", f"keep={keep}", "n=8")
    assert np.array_equal(arrays["inpainted"][..., kept], arrays["originals"][..., kept])
    assert not np.array_equal(arrays["inpainted"][..., ~kept], arrays["originals"][..., ~kept])
    assert not np.array_equal(arrays["inpainted"][..., ~kept], arrays["masked"][..., ~kept])


def test_the_plane_is_scored_on_a_grid_and_the_ledger_says_so(trained: dict[str, Path], tmp_path: Path) -> None:
    (record,) = evaluate.run(tmp_path, settings("eval", trained["plane"]), console=QUIET)
    assert (record.kind, record.num_particles, record.n) == ("exact", None, 50)
    assert "400 x 400 cells" in str(record.method)
    (held,) = json.loads((tmp_path / "summary.json").read_text())["records"]
    assert held["method"] == record.method


def test_what_an_energy_cannot_do_is_refused(trained: dict[str, Path], tmp_path: Path) -> None:
    for verb, name, words, message in (
        ("eval", "digits", ["metric=nll"], "EBM on this data cannot have it"),
        ("eval", "plane", ["metric=elbo"], "it can have .*metric=nll"),
        ("sample", "digits", ["task=reconstruct"], "it can do denoise, inpaint, sample, sense, superresolve"),
        ("sample", "plane", ["task=denoise"], "it can do sample"),
        (
            "sample",
            "vae",
            ["trajectory=true"],
            "VAE has none; task=sample needs a model that samples by a chain",
        ),
        ("sample", "plane", ["task=superresolve"], "needs pictures; EBM on this data cannot do it"),
        ("sample", "digits", ["task=inpaint", "keep=bottom"], "neither top nor left"),
    ):
        run = sample.run if verb == "sample" else evaluate.run
        with pytest.raises(ConfigError, match=message):
            run(tmp_path, settings(verb, trained[name], *words), console=QUIET)
    assert not list(tmp_path.iterdir())
