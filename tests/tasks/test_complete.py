"""task=complete and task=sample of a PixelCNN, on a real checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from genlab.commands import evaluate, sample, train
from genlab.config.compose import compose
from genlab.errors import ConfigError
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
SMALL = [
    "trainer.max_steps=3",
    "trainer.accelerator=cpu",
    "model.channels=4",
    "model.blocks=1",
    "callbacks.samples.n=4",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    paths = {}
    for name in ("pixelcnn", "conditional_gated_pixelcnn", "vae"):
        run = tmp_path_factory.mktemp(name)
        (run / "checkpoints").mkdir()
        (run / "samples").mkdir()
        small = [word for word in SMALL if name != "vae" or "blocks" not in word]
        composed = compose("train", [f"model={name}", *small, "test.num_particles=2"])
        assert composed is not None
        train.run(run, composed.config, console=QUIET)
        paths[name] = checkpoint.latest(run / "checkpoints")
    return paths


def settings(verb: str, ckpt: Path, *overrides: str) -> dict[str, Any]:
    composed = compose(verb, [f"ckpt={ckpt}", "accelerator=cpu", *overrides])
    assert composed is not None
    return composed.config


def masked(tmp_path: Path, size: tuple[int, int]) -> Path:
    path = tmp_path / "mask.png"
    pixels = np.zeros(size[::-1], np.uint8)
    pixels[::2] = 255
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("keep", ["top", "left", "mask"])
@pytest.mark.parametrize("name", ["pixelcnn", "conditional_gated_pixelcnn"])
def test_what_is_kept_of_test_pictures_is_kept(
    trained: dict[str, Path], tmp_path: Path, name: str, keep: str, capsys: pytest.CaptureFixture
) -> None:
    value = masked(tmp_path, (8, 8)) if keep == "mask" else keep
    words = ["task=complete", f"keep={value}", "n=10", "batch_size=4"]
    paths = sample.run(tmp_path, settings("sample", trained[name], *words), console=QUIET)
    with np.load(paths["arrays"]) as arrays:
        mask, done, originals = arrays["keep"], arrays["completions"], arrays["originals"]
    assert mask.mean() == 0.5
    assert {"top": mask[:4].all(), "left": mask[:, :4].all(), "mask": mask[::2].all()}[keep]
    assert done.shape == originals.shape == (10, 1, 8, 8)
    assert done.dtype == np.uint8
    assert (done[:, :, mask] == originals[:, :, mask]).all()
    assert (done[:, :, ~mask] != originals[:, :, ~mask]).any()
    note = json.loads((tmp_path / "summary.json").read_text())["note"]
    assert ("exact conditional" in note) == (keep == "top")
    assert ("does not know the kept ones that come after it" in note) == (keep != "top")
    assert "grid" in capsys.readouterr().out


def test_a_completion_depends_on_the_seed_and_its_number_alone(trained: dict[str, Path], tmp_path: Path) -> None:
    found = []
    for n, size in ((3, 2), (66, 256)):
        folder = tmp_path / str(n)
        folder.mkdir()
        words = ["task=complete", f"n={n}", f"batch_size={size}"]
        paths = sample.run(folder, settings("sample", trained["pixelcnn"], *words), console=QUIET)
        with np.load(paths["arrays"]) as arrays:
            found.append(arrays["completions"])
    assert len(found[1]) == 66
    assert np.array_equal(found[0], found[1][:3])


def test_one_seed_gives_one_file_and_a_label_its_class(trained: dict[str, Path], tmp_path: Path) -> None:
    written = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        words = [f"seed={seed}", "n=6", "label=3"]
        config = settings("sample", trained["conditional_gated_pixelcnn"], *words)
        paths = sample.run(tmp_path / name, config, console=QUIET)
        written.append(paths["arrays"].read_bytes())
        with np.load(paths["arrays"]) as arrays:
            assert (arrays["y"] == 3).all()
    assert written[0] == written[1] != written[2]


def test_masks_that_do_not_fit_are_refused(trained: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no picture")
    for keep, message in (
        (masked(tmp_path, (8, 6)), "is 8x6 pixels, the data is 8x8"),
        (tmp_path / "no.png", "cannot be read as a PNG"),
        (tmp_path / "missing.png", "is neither top nor left nor a share nor a PNG file"),
    ):
        config = settings("sample", trained["pixelcnn"], "task=complete", f"keep={keep}")
        with pytest.raises(ConfigError, match=message):
            sample.run(tmp_path, config, console=QUIET)


def test_who_cannot_complete_says_what_it_can(trained: dict[str, Path], tmp_path: Path) -> None:
    for name, task, can in (
        ("vae", "complete", "reconstruct"),
        ("pixelcnn", "interpolate", "complete, denoise, .*sample"),
    ):
        with pytest.raises(ConfigError, match=f"it can do .*{can}"):
            sample.run(tmp_path, settings("sample", trained[name], f"task={task}"), console=QUIET)


def test_the_likelihood_is_exact_and_in_the_ledger(trained: dict[str, Path], tmp_path: Path) -> None:
    evaluate.run(tmp_path, settings("eval", trained["pixelcnn"], "metric=[nll,bpd]"), console=QUIET)
    nll, bpd = json.loads((tmp_path / "summary.json").read_text())["records"]
    assert (nll["kind"], nll["num_particles"], nll["n"]) == ("exact", None, 300)
    assert bpd["value"] == pytest.approx(nll["value"] / (64 * np.log(2)))
