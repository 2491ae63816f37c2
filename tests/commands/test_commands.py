"""sample and eval on a real checkpoint: what they write, that it is reproducible, and what they refuse."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from genlab.commands import evaluate, sample, train
from genlab.config.compose import compose
from genlab.data.spaces import DataSpec
from genlab.errors import CheckpointError, ConfigError, DataError, TrainingError, TrustError
from genlab.restore import load
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
QUICK = ["trainer.max_steps=3", "model.hidden=[8]", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
PLANE = ["data=toy2d", "data.num_train=600", "data.num_val=50", "data.num_test=50"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    paths = {}
    for name, overrides in {
        "vae": [],
        "cvae": ["model=cvae"],
        "plane": PLANE,
        "ema": ["callbacks.ema.decay=0.5"],
    }.items():
        run = tmp_path_factory.mktemp(name)
        (run / "checkpoints").mkdir()
        (run / "samples").mkdir()
        composed = compose("train", [*QUICK, "test.num_particles=2", *overrides])
        assert composed is not None
        train.run(run, composed.config, console=QUIET)
        paths[name] = checkpoint.latest(run / "checkpoints")
    return paths


def settings(verb: str, ckpt: Path, *overrides: str) -> dict[str, Any]:
    composed = compose(verb, [f"ckpt={ckpt}", "accelerator=cpu", *overrides])
    assert composed is not None
    return composed.config


def test_sampling_twice_with_one_seed_gives_identical_bytes(trained: dict[str, Path], tmp_path: Path) -> None:
    written = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        paths = sample.run(tmp_path / name, settings("sample", trained["vae"], f"seed={seed}", "n=10"), console=QUIET)
        written.append({kind: path.read_bytes() for kind, path in paths.items()})
    assert written[0] == written[1]
    assert written[0]["arrays"] != written[2]["arrays"]


def test_the_arrays_hold_typed_samples_and_the_means_of_the_same_latents(
    trained: dict[str, Path], tmp_path: Path
) -> None:
    paths = sample.run(tmp_path, settings("sample", trained["vae"], "n=40", "batch_size=16"), console=QUIET)
    with np.load(paths["arrays"]) as arrays:
        assert arrays["samples"].shape == (40, 1, 8, 8)
        assert arrays["samples"].dtype == np.uint8
        latents, means = torch.from_numpy(arrays["latents"]), arrays["means"]
    model = load(trained["vae"], trust=[], device=torch.device("cpu")).model
    assert np.allclose(model.decode(latents).numpy(), means, atol=1e-4)  # type: ignore[operator]
    assert Image.open(paths["picture"]).mode == "RGB"


def test_no_number_at_once_changes_a_reconstruction(trained: dict[str, Path], tmp_path: Path) -> None:
    found = []
    for size in (3, 256):
        folder = tmp_path / str(size)
        folder.mkdir()
        words = ["task=reconstruct", "n=8", f"batch_size={size}"]
        paths = sample.run(folder, settings("sample", trained["cvae"], *words), console=QUIET)
        with np.load(paths["arrays"]) as arrays:
            found.append(arrays["reconstructions"])
    assert np.allclose(*found, atol=1e-4)


@pytest.mark.parametrize("task", ["reconstruct", "interpolate", "traverse"])
@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_tasks_of_models_that_encode_and_decode(trained: dict[str, Path], tmp_path: Path, name: str, task: str) -> None:
    words = [f"task={task}", "n=8", *([] if task == "reconstruct" else ["steps=5"])]
    paths = sample.run(tmp_path, settings("sample", trained[name], *words), console=QUIET)
    assert np.asarray(Image.open(paths["picture"])).std() > 5
    with np.load(paths["arrays"]) as arrays:
        if task == "reconstruct":
            assert arrays["originals"].shape == arrays["reconstructions"].shape == (8, 1, 8, 8)
        else:
            assert arrays["means"].shape == (8 * 5, 1, 8, 8)


def test_a_conditional_model_samples_class_by_class(trained: dict[str, Path], tmp_path: Path) -> None:
    for name, words, expected in (("all", ["n=25"], np.arange(25) % 10), ("one", ["n=6", "label=3"], np.full(6, 3))):
        (tmp_path / name).mkdir()
        paths = sample.run(tmp_path / name, settings("sample", trained["cvae"], *words), console=QUIET)
        with np.load(paths["arrays"]) as arrays:
            assert (arrays["y"] == expected).all()
            assert arrays["classes"].tolist() == list("0123456789")


@pytest.fixture
def creatures(tmp_path: Path) -> Path:
    """Two classes told apart by their brightness: the first is dark."""
    for name, level in (("cat", 30), ("dog", 200)):
        (tmp_path / "creatures" / name).mkdir(parents=True)
        for i in range(20):
            Image.new("L", (8, 8), level + i).save(tmp_path / "creatures" / name / f"{i}.png")
    return tmp_path / "creatures"


@pytest.fixture
def of_creatures(creatures: Path, tmp_path: Path) -> Path:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "samples").mkdir()
    words = ["model=naive_bayes", "data=image_folder", f"data.root={creatures}", "data.size=8", "data.channels=1"]
    composed = compose("train", [*words, "trainer.accelerator=cpu"])
    assert composed is not None
    train.run(tmp_path / "run", composed.config, console=QUIET)
    return checkpoint.latest(tmp_path / "run" / "checkpoints")


def test_classes_go_by_their_names(of_creatures: Path, creatures: Path, tmp_path: Path) -> None:
    for label, index in (("dog", 1), ("cat", 0), ("1", 1)):
        words = [f"label={label}", "n=4", f"outputs={tmp_path}"]
        (tmp_path / label).mkdir()
        paths = sample.run(tmp_path / label, settings("sample", of_creatures, *words), console=QUIET)
        with np.load(paths["arrays"]) as arrays:
            assert arrays["y"].tolist() == [index] * 4
            assert arrays["classes"].tolist() == ["cat", "dog"]
            assert (arrays["samples"].mean() > 150) == (index == 1)
    for wrong, message in (("dot", "did you mean dog"), ("2", "classes 0 to 1, named cat, dog")):
        with pytest.raises(ConfigError, match=message):
            sample.run(tmp_path, settings("sample", of_creatures, f"label={wrong}"), console=QUIET)
    for wrong in ("-1", "2.5", "true"):
        with pytest.raises(ConfigError, match=r"^label: give the name of a class, or its index from 0"):
            settings("sample", of_creatures, f"label={wrong}")


def test_another_folder_is_scored_by_the_names_of_its_classes(
    of_creatures: Path, creatures: Path, tmp_path: Path
) -> None:
    """{bee, dog}: by the order of its folders, bees would be scored as cats, and cats beside whales as they are."""
    loaded = load(of_creatures, trust=[], device=torch.device("cpu"))
    other = tmp_path / "other"
    (other / "bee").mkdir(parents=True)
    for i in range(20):
        Image.new("L", (8, 8), 100 + i).save(other / "bee" / f"{i}.png")
    shutil.copytree(creatures / "dog", other / "dog")
    with pytest.raises(DataError, match="bee is no class of the model, which knows cat, dog"):
        loaded.dataset(root=str(other), trust=[])
    shutil.rmtree(other / "bee")
    with pytest.raises(CheckpointError, match="data of another type: num_classes was 2 and is None; give the folder"):
        loaded.dataset(root=str(other), trust=[])  # one folder, so no classes
    old = replace(loaded, spec=DataSpec.from_dict({**loaded.spec.to_dict(), "classes": None}))
    assert old.dataset(root=None, trust=[]).spec == old.spec  # a checkpoint of before, without names
    unnamed = loaded.spec.to_dict()
    del unnamed["classes"]
    assert DataSpec.from_dict(unnamed).classes is None


def test_what_a_model_cannot_do_is_refused(trained: dict[str, Path], tmp_path: Path) -> None:
    for verb, name, words, message in (
        ("sample", "vae", ["label=3"], "not class-conditional"),
        ("sample", "cvae", ["label=10"], "classes 0 to 9|classes named 0, 1"),
        ("sample", "plane", ["task=inpaint"], "it can do encode, interpolate, reconstruct, .*sample, .*traverse"),
        ("sample", "vae", ["keep=top"], "task=sample has no use for it; it is of task=complete or inpaint"),
        ("sample", "vae", ["noise=0.1"], "it is of task=colourise, denoise"),
        ("sample", "vae", ["steps=3", "task=reconstruct"], "it is of task=denoise, .*resample, sample or traverse"),
        ("sample", "vae", ["trajectory=true", "task=traverse"], "it is of task=sample"),
        ("eval", "plane", ["metric=bpd"], "it can have .*metric=elbo.*metric=nll"),
    ):
        run = sample.run if verb == "sample" else evaluate.run
        with pytest.raises(ConfigError, match=message):
            run(tmp_path, settings(verb, trained[name], *words), console=QUIET)
    assert not list(tmp_path.iterdir())


def test_evaluation_writes_the_ledger(trained: dict[str, Path], tmp_path: Path) -> None:
    words = ["metric=[nll,bpd,elbo]", "metric.nll.num_particles=4", "metric.bpd.num_particles=4"]
    evaluate.run(tmp_path, settings("eval", trained["vae"], *words), console=QUIET)
    summary = json.loads((tmp_path / "summary.json").read_text())
    records = {record["metric"]: record for record in summary["records"]}
    assert list(records) == ["nll", "bpd", "elbo"]
    nll = records["nll"]
    assert (nll["unit"], nll["kind"], nll["num_particles"], nll["n"]) == ("nats per example", "upper bound", 4, 300)
    assert nll["split"] == "test"
    assert nll["standard_error"] > 0
    assert nll["checkpoint"] == str(trained["vae"])
    assert records["bpd"]["value"] == pytest.approx(nll["value"] / (64 * np.log(2)))
    assert -records["elbo"]["value"] > nll["value"]


def test_the_averaged_weights_are_what_is_sampled(trained: dict[str, Path]) -> None:
    state = checkpoint.read(trained["ema"])["state_dict"]
    loaded = load(trained["ema"], trust=[], device=torch.device("cpu")).model.state_dict()
    key = "net.decoder.0.weight"
    assert torch.equal(loaded[key], state[f"averaged.module.{key}"])
    assert not torch.equal(loaded[key], state[f"model.{key}"])


def test_a_checkpoint_that_names_a_foreign_target_builds_nothing(trained: dict[str, Path], tmp_path: Path) -> None:
    payload = checkpoint.read(trained["vae"])
    payload["genlab"]["config"]["model"]["_target_"] = "torch.utils.collect_env.run"
    payload["genlab"]["config"]["trust"] = ["torch"]  # what the file says of itself does not count
    path = tmp_path / "step-000000003.ckpt"
    checkpoint.write(path, payload)
    with pytest.raises(TrustError, match=r"torch\.utils\.collect_env\.run"):
        load(path, trust=[], device=torch.device("cpu"))


def test_a_checkpoint_whose_config_does_not_describe_its_weights(trained: dict[str, Path], tmp_path: Path) -> None:
    payload = checkpoint.read(trained["vae"])
    payload["genlab"]["config"]["model"]["hidden"] = [9]
    path = tmp_path / "step-000000003.ckpt"
    checkpoint.write(path, payload)
    with pytest.raises(CheckpointError, match=r"net\.encoder\.0\.weight"):
        load(path, trust=[], device=torch.device("cpu"))


@pytest.mark.slow
def test_the_value_is_the_same_for_1_2_and_3_ranks(trained: dict[str, Path], tmp_path: Path) -> None:
    values = []
    for devices, batch_size in ((1, 64), (2, 7), (3, 1)):
        words = ["metric=nll", "metric.nll.num_particles=3", f"devices={devices}", f"batch_size={batch_size}"]
        done = subprocess.run(
            [sys.executable, "-m", "genlab", "eval", f"ckpt={trained['vae']}", "accelerator=cpu", *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (summary,) = tmp_path.glob("outputs/eval/*/*/summary.json")
        record = json.loads(summary.read_text())["records"][0]
        assert record["n"] == 300
        values.append(record["value"])
        shutil.rmtree(tmp_path / "outputs")
    assert values[1] == pytest.approx(values[0], rel=1e-6)
    assert values[2] == pytest.approx(values[0], rel=1e-6)


def test_a_grid_shows_some_of_many_and_the_arrays_have_all(
    trained: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (name, words, rows, columns, says) in enumerate(
        [
            ("vae", ["n=70", "grid=9"], 3, 3, "the grid shows the first 9 of 70"),
            ("cvae", ["n=70", "grid=25"], 2, 10, "the grid shows the first 20 of 70"),
            ("vae", ["n=70", "grid=36", "task=reconstruct"], 6, 8, "the grid shows the first 18 of 70"),
            ("vae", ["n=4", "grid=9", "task=traverse", "steps=4"], 2, 4, "the grid shows the first 2 of 4 dimensions"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths = sample.run(folder, settings("sample", trained[name], *words), console=QUIET)
        width, height = Image.open(paths["picture"]).size
        factor = width // (9 * columns + 1)
        assert (height // factor - 1, width // factor - 1) == (9 * rows, 9 * columns), words
        assert says in capsys.readouterr().out
        with np.load(paths["arrays"]) as arrays:
            assert {len(arrays[key]) for key in arrays.files if key != "classes"} <= {70, 16}


def test_large_arrays_lie_on_the_disk_and_give_the_same_bytes(
    trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for limit in (1 << 26, 100):
        folder = tmp_path / str(limit)
        folder.mkdir()
        monkeypatch.setattr("genlab.tasks.store.IN_MEMORY", limit)
        paths = sample.run(folder, settings("sample", trained["cvae"], "n=70"), console=QUIET)
        written.append({kind: path.read_bytes() for kind, path in paths.items()})
        assert sorted(path.name for path in folder.iterdir()) == ["sample.npz", "sample.png", "summary.json"]
    assert written[0] == written[1]


def test_a_full_disk_is_told_before_anything_is_drawn(
    trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genlab.tasks.store.IN_MEMORY", 100)
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(TrainingError, match="No space left"):
        sample.run(tmp_path, settings("sample", trained["vae"], "n=5"), console=QUIET)


def test_pictures_for_other_tools(trained: dict[str, Path], tmp_path: Path) -> None:
    paths = sample.run(tmp_path, settings("sample", trained["cvae"], "n=12", "format=png"), console=QUIET)
    with np.load(paths["arrays"]) as arrays:
        for name in ("samples", "means"):
            files = sorted((tmp_path / name).glob("*.png"))
            assert [file.name for file in files] == [f"{i:05d}.png" for i in range(12)]
            for file, picture in zip(files, arrays[name], strict=True):
                shown = Image.open(file)
                assert shown.mode == "L"
                assert np.array_equal(np.asarray(shown), np.round(picture[0].astype(float) * 255 / 16))
            lines = (tmp_path / name / "metadata.csv").read_text().splitlines()
            assert lines == ["file_name,label,class", *(f"{i:05d}.png,{i % 10},{i % 10}" for i in range(12))]
    assert not (tmp_path / "latents").exists()
