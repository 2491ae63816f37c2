"""Data of the user's own: vectors of any dimension are trained on, sampled and drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from genlab import build
from genlab.commands import sample, train
from genlab.config.compose import compose
from genlab.errors import ConfigError, DataError, GenlabError, TrainingError
from genlab.evaluation.artefacts import clouds
from genlab.evaluation.artefacts.figures import pairs
from genlab.models.classical.gmm import GMM
from genlab.runs import directory
from genlab.storage import checkpoint

QUIET = Console(quiet=True)

SOURCE = """
import torch
from genlab.data import Dataset, DataSpec, Split


def normal(*, dim: int = 5, num: int = 60, num_test: int = 20, classes: int | None = None) -> Dataset:
    def split(n: int) -> Split:
        y = None if classes is None else torch.arange(n) % classes
        return Split(torch.randn(n, dim, generator=torch.Generator().manual_seed(n)), y)

    return Dataset("normal", DataSpec((dim,), None, classes), split(num), split(20), split(num_test))
"""

QUICK = ["trainer.max_steps=2", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "test.num_particles=2"]

Trained = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """``trained("model=gmm", "data.dim=5")`` gives the run's directory and its summary."""
    (tmp_path / "vectors_of_mine.py").write_text(SOURCE)
    (tmp_path / "conf" / "data").mkdir(parents=True)
    node = "data:\n  _target_: vectors_of_mine.normal\n  dim: 5\n  num_test: 20\n  classes: null\n  batch_size: 20\n"
    (tmp_path / "conf" / "data" / "normal.yaml").write_text(f"# @package _global_\n# Normal vectors\n{node}")
    monkeypatch.syspath_prepend(tmp_path)

    def run(*words: str) -> tuple[Path, dict[str, Any]]:
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        for name in ("checkpoints", "samples"):
            (folder / name).mkdir(parents=True)
        asked = [f"--config-dir={tmp_path / 'conf'}", "data=normal", "trust=[vectors_of_mine]", *QUICK, *words]
        composed = compose("train", asked)
        assert composed is not None
        return folder, train.run(folder, composed.config, console=QUIET)

    return run


def asked(verb: str, run: Path, *words: str) -> dict[str, Any]:
    composed = compose(
        verb, [f"ckpt={checkpoint.latest(run / 'checkpoints')}", "accelerator=cpu", "trust=[vectors_of_mine]", *words]
    )
    assert composed is not None
    return composed.config


@pytest.mark.parametrize(
    ("dim", "model"),
    [
        (5, ["model=vae", "model.hidden=[4]"]),
        (3, ["model=gmm"]),
        (1, ["model=gmm"]),
        (2, ["model=cvae", "data.classes=2", "model.hidden=[4]"]),
        (5, ["model=ebm", "model.hidden=[4]", "model.chain_steps=2", "objective.steps=1", "objective.replay_size=32"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else str(value),
)
def test_vectors_of_any_dimension_are_drawn(dim: int, model: list[str], trained: Trained, tmp_path: Path) -> None:
    run, summary = trained(f"data.dim={dim}", *model)
    drawn = [name for name in summary if name.endswith("_picture")]
    assert drawn == (["plane_picture"] if dim == 2 else ["samples_picture"])
    assert Image.open(summary[drawn[0]]).mode == "RGB"
    out = tmp_path / "sample"
    out.mkdir()
    words = ["trajectory=true"] if "model=ebm" in model else []
    paths = sample.run(out, asked("sample", run, "n=30", *words), console=QUIET)
    with np.load(paths["arrays"]) as arrays:
        assert arrays["samples"].shape == (30, dim)
    assert Image.open(paths["picture"]).mode == "RGB"


def test_what_is_not_finite_is_counted_and_the_rest_is_drawn() -> None:
    x = torch.randn(50, 6)
    x[3, 5] = torch.inf
    assert pairs({"data": torch.randn(50, 6), "samples": x}).dtype == np.uint8
    assert pairs({"samples": torch.full((4, 1), torch.nan)}).dtype == np.uint8


def test_samples_that_are_not_finite_are_told(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = trained("model=gmm")
    monkeypatch.setattr(GMM, "sample", lambda self, n, c=None, *, generator: torch.full((n, 5), torch.nan))
    sample.run(tmp_path, asked("sample", run, "n=7"), console=QUIET)
    assert "warning  7 of 7 samples are not finite" in capsys.readouterr().out


def broken(*args: Any, **kwargs: Any) -> np.ndarray:
    raise ValueError("Axis limits cannot be NaN or Inf")


def test_samples_that_make_no_picture_are_kept_as_arrays(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = trained("model=gmm")
    monkeypatch.setattr(clouds, "pairs", broken)
    with pytest.raises(TrainingError, match=r"cannot be drawn .*Axis limits.*the arrays are in .*sample\.npz"):
        sample.run(tmp_path, asked("sample", run, "n=7"), console=QUIET)
    with np.load(tmp_path / "sample.npz") as arrays:
        assert arrays["samples"].shape == (7, 5)
    assert "sample.npz" in capsys.readouterr().out
    assert (tmp_path / directory.SUMMARY).exists()


@pytest.mark.parametrize("model", [["model=gmm"], ["model=vae", "model.hidden=[4]"]], ids=["fitted", "trained"])
def test_a_run_whose_samples_make_no_picture_keeps_its_numbers(
    model: list[str], trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clouds, "pairs", broken)
    run, summary = trained(*model)
    assert summary["status"] == "finished"
    assert summary["test"]["n"] == 20
    assert not [name for name in summary if name.endswith("_picture")]
    assert (run / directory.SUMMARY).exists()


FAULTY = """
import torch
from genlab.data import Dataset, DataSpec, Split


def faulty(*, how: str) -> Dataset:
    if how == "raises":
        return {}["pixels"]
    if how == "exits":
        raise SystemExit(7)
    if how == "list":
        return [1, 2, 3]
    x = torch.full((40, 1, 8, 8), 200 if how == "levels" else 1, dtype=torch.uint8)
    x = x.float() if how == "float" else x

    def transform(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if how == "transform":
            raise ValueError("no such crop")
        return x * 100 if how == "grey" else x

    return Dataset("faulty", DataSpec((1, 8, 8), 2), Split(x), Split(x[:5]), Split(x[:5]), train_transform=transform)
"""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", r"raised KeyError: 'pixels' \(--debug shows where\)"),
        ("exits", "raised SystemExit: 7"),
        ("list", "gave a list, not a genlab.data.Dataset"),
        ("levels", "val has the values 200 to 200, its type says 0 to 1"),
        ("float", r"val is of torch.float32, its type asks for torch.uint8"),
        ("grey", "train has the values 100 to 100, its type says 0 to 1"),
        ("transform", "train_transform: raised ValueError: no such crop"),
    ],
)
def test_a_source_that_raises_is_told_in_one_line(
    how: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"faults_{how}.py").write_text(FAULTY)
    monkeypatch.syspath_prepend(tmp_path)
    node = {"_target_": f"faults_{how}.faulty", "how": how, "batch_size": 10}
    with pytest.raises(DataError, match=rf"^_target_=faults_{how}\.faulty.*{said}") as caught:
        build.dataset(node, trust=[f"faults_{how}"])
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_a_module_that_does_not_load_or_a_key_it_does_not_take_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_of_mine.py").write_text("1 +")
    (tmp_path / "fine_of_mine.py").write_text(FAULTY)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(GenlabError, match=r"broken_of_mine\.x: raised SyntaxError"):
        build.dataset({"_target_": "broken_of_mine.x"}, trust=["broken_of_mine"])
    with pytest.raises(ConfigError, match=r"fine_of_mine\.faulty: .*unexpected keyword argument 'num'"):
        build.dataset({"_target_": "fine_of_mine.faulty", "num": 1}, trust=["fine_of_mine"])
    with pytest.raises(ConfigError, match=r"fine_of_mine\.absent: "):
        build.dataset({"_target_": "fine_of_mine.absent"}, trust=["fine_of_mine"])


def test_a_model_of_the_user_s_that_raises_in_training_is_told(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = """
from genlab.models import VAE


class Mine(VAE):
    def elbo_terms(self, x, c=None, *, generator=None):
        return self.no_such_thing
"""
    (tmp_path / "model_of_mine.py").write_text(own)
    (tmp_path / "conf" / "model").mkdir()
    node = "defaults: [vae]\nmodel:\n  _target_: model_of_mine.Mine\n"
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(f"# @package _global_\n# Mine\n{node}")
    with pytest.raises(TrainingError, match=r"^_target_=model_of_mine\.Mine: raised AttributeError: .*no_such_thing"):
        trained("model=mine", "trust=[vectors_of_mine,model_of_mine]")
