"""What a run goes on from is checked before anything of the run changes, and nothing changes where it is refused."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console

from genlab.cli.main import main
from genlab.commands import train
from genlab.config.compose import compose
from genlab.data.fingerprint import changed, fingerprint
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import CheckpointError, DataError
from genlab.restore import load
from genlab.runs import directory
from genlab.storage import checkpoint

OLDER = Path(__file__).parents[1] / "assets/older-run"
"""Of genlab before checkpoints knew their data: a VAE with averaged weights in the plane, after 4 steps."""

QUIET = Console(quiet=True)
PLANE = ["data=toy2d", "data.num_train=60", "data.num_val=20", "data.num_test=20", "data.batch_size=20"]
TINY = [*PLANE, "trainer.max_steps=2", "callbacks.checkpoint.every_n_steps=1", "logger.tensorboard=false"]
FAMILIES = {
    "vae": ["model.hidden=[4]", "optim.schedule=cosine"],
    "ema": ["model.hidden=[4]", "callbacks.ema.decay=0.9", "optim.name=adamax"],
    "sgd": ["model=realnvp", "model.couplings=2", "model.hidden=[4]", "optim.name=sgd"],
    "ebm": ["model=ebm", "model.hidden=[4]", "objective.steps=2", "model.chain_steps=3", "objective.replay_size=64"],
    "gan": ["model=gan", "model.latent_dim=2", "model.hidden=[4]"],
}


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory of an older genlab."""
    run = tmp_path / "outputs/train/vae-toy2d/20260101-000000-abcdef"
    shutil.copytree(OLDER, run)
    (run / "samples").mkdir()
    (run / ".lock").write_text("1\n")
    monkeypatch.setattr(sys, "argv", ["genlab"])
    monkeypatch.chdir(tmp_path)
    return run


def bytes_of(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def altered(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    held = checkpoint.read(path)
    change(held)
    checkpoint.write(path, held)


def edit(run: Path, *keys: str, value: Any) -> None:
    record = yaml.safe_load((run / "config.yaml").read_text())
    node = record["config"]
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    (run / "config.yaml").write_text(yaml.safe_dump(record))


def turned_into_a_flow(run: Path) -> None:
    composed = compose("train", ["model=realnvp", "data=toy2d", "trainer.accelerator=cpu"])
    assert composed is not None
    (run / "config.yaml").write_text(yaml.safe_dump({"verb": "train", "config": composed.config}))


def moments(held: dict[str, Any]) -> dict[str, Any]:
    return held["optimizer_states"][0]["state"][1]


def test_an_older_checkpoint_is_loaded_scored_and_resumed(older: Path, capsys: pytest.CaptureFixture) -> None:
    loaded = load(checkpoint.latest(older / "checkpoints"), trust=[], device=torch.device("cpu"))
    assert loaded.model.sample(3, generator=torch.Generator()).shape == (3, 2)
    assert len(loaded.dataset(root=None, trust=[]).train) == 200
    assert capsys.readouterr().err == ""
    assert main(["train", f"resume={older}", "trainer.max_steps=6"]) == 0
    assert "trainer.max_steps 4 -> 6" in capsys.readouterr().out
    held = checkpoint.read(checkpoint.latest(older / "checkpoints"))
    assert held["genlab"]["step"] == 6
    assert held["genlab"]["data"]["train"]["n"] == 200


REFUSALS: dict[str, tuple[int, str, Callable[[Path], object], list[str]]] = {
    "shorter": (2, "already at step 4", lambda _: None, ["trainer.max_steps=3"]),
    "another key": (2, "another run", lambda _: None, ["seed=1"]),
    "edited": (4, r"model\.latent_dim is 1 there and 2", lambda run: edit(run, "model", "latent_dim", value=2), []),
    "other model": (
        4,
        r"model\._target_ is genlab\.models\.VAE there and genlab\.models\.realnvp",
        lambda run: turned_into_a_flow(run),
        [],
    ),
    "moments": (
        4,
        r"exp_avg of parameter 1 is \(1,\) there and \(\d, \d\)",
        lambda run: altered(step(run), lambda held: moments(held).update(exp_avg=torch.zeros(1))),
        [],
    ),
    "other type": (
        3,
        "data of another type: levels was 5 and is None$",
        lambda run: altered(step(run), lambda held: held["genlab"]["spec"].update(levels=5)),
        [],
    ),
    "no weights": (4, "no weights", lambda run: altered(step(run), lambda held: held.pop("state_dict")), []),
    "no moments": (
        4,
        "optimizer_states",
        lambda run: altered(step(run), lambda held: held.pop("optimizer_states")),
        [],
    ),
    "link": (
        6,
        "checkpoints is a link",
        lambda run: ((run / "checkpoints").rename(run.parent / "moved"), (run / "checkpoints").symlink_to("../moved")),
        [],
    ),
}


def step(run: Path) -> Path:
    return checkpoint.steps(run / "checkpoints")[-1]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refused_resume_changes_nothing(kind: str, older: Path, capsys: pytest.CaptureFixture) -> None:
    code, words, prepare, overrides = REFUSALS[kind]
    prepare(older)
    before = bytes_of(older)
    assert main(["train", f"resume={older}", *(overrides or ["trainer.max_steps=8", "optim.lr=0.5"])]) == code
    said = capsys.readouterr()
    *notes, error = said.err.splitlines()
    assert re.search(words, error), said.err
    assert all(note.startswith(("data ", "threads ")) for note in notes)
    assert said.out == ""
    assert bytes_of(older) == before


def test_what_lightning_alone_would_read_counts_for_nothing(older: Path) -> None:
    altered(step(older), lambda held: held.update({"pytorch-lightning_version": ["x"], "loops": {"fit_loop": 3}}))
    assert main(["train", f"resume={older}", "trainer.max_steps=5"]) == 0


def test_a_second_resume_is_refused_before_it_has_changed_anything(older: Path) -> None:
    with directory.lock(older):
        before = bytes_of(older)
        assert main(["train", f"resume={older}", "trainer.max_steps=8", "optim.lr=0.5"]) == 2
        assert bytes_of(older) == before


def test_what_was_edited_and_may_change_is_said(older: Path, capsys: pytest.CaptureFixture) -> None:
    edit(older, "optim", "lr", value=0.25)
    edit(older, "trainer", "max_steps", value=5)
    assert main(["train", f"resume={older}"]) == 0
    assert "optim.lr: 0.001 -> 0.25" in capsys.readouterr().err


def test_a_run_that_lost_its_last_checkpoint_goes_on_from_the_best(older: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.copy(step(older), older / "checkpoints/best.ckpt")
    last = older / "checkpoints/step-000000009.ckpt"
    last.write_bytes(step(older).read_bytes()[:-9])
    step(older).with_name("step-000000004.ckpt").unlink()
    assert checkpoint.resolve("last", outputs=Path("outputs")).name == "best.ckpt"
    (line,) = capsys.readouterr().err.splitlines()
    assert "step-000000009.ckpt is damaged" in line
    assert "best.ckpt, of step 4" in line
    assert main(["train", f"resume={older}", "trainer.max_steps=6"]) == 0
    assert "of step 4" in capsys.readouterr().err


def test_untrained_weights_are_told(older: Path, capsys: pytest.CaptureFixture) -> None:
    altered(step(older), lambda held: held["genlab"].update(step=0))
    load(step(older), trust=[], device=torch.device("cpu"))
    assert "untrained weights" in capsys.readouterr().err


SPOILT = {
    "spec": lambda held: held["genlab"].update(spec={"event_shape": [-2], "levels": None}),
    "huge": lambda held: held["genlab"].update(spec={"event_shape": [10**12], "levels": None}),
    "text": lambda held: held["genlab"].update(spec={"event_shape": "ab", "levels": "c"}),
    "state": lambda held: held.update(state_dict=[1]),
    "none": lambda held: held.pop("state_dict"),
    "wide": lambda held: held["genlab"]["config"]["model"].update(latent_dim=10**13),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_checkpoint_that_describes_no_model_is_one_line(kind: str, older: Path) -> None:
    altered(step(older), SPOILT[kind])
    with pytest.raises(CheckpointError, match="step-000000004"):
        load(step(older), trust=[], device=torch.device("cpu"))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_part_of_a_state_is_checked_before_the_first_step(
    family: str, config: Callable, run_dir: Callable
) -> None:
    run, settings = run_dir("a"), config(*TINY, *FAMILIES[family])
    train.run(run, settings, console=QUIET)
    longer = {**settings, "trainer": {**settings["trainer"], "max_steps": 3}}
    path = step(run)
    whole = path.read_bytes()
    held = checkpoint.read(path)
    places = [("state_dict", key) for key, value in held["state_dict"].items() if isinstance(value, torch.Tensor)]
    places = [places[0], places[-1], *(place for place in places if place[1].startswith("objective."))]
    for number, optimiser in enumerate(held["optimizer_states"]):
        index, kept = next(iter(optimiser["state"].items()))
        places += [("optimizer_states", number, "state", index, key) for key in kept]
    for place in places:
        held = checkpoint.read(path)
        node: Any = held
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = torch.zeros(3, 1, 2)
        checkpoint.write(path, held)
        before = bytes_of(run)
        with pytest.raises(CheckpointError, match="does not fit"):
            train.run(run, longer, console=QUIET)
        assert bytes_of(run) == before, place
        path.with_name(f"{path.name}.sha256").unlink()
        path.write_bytes(whole)
    assert train.run(run, longer, console=QUIET)["steps"] == 3


def test_other_data_is_refused_when_a_run_goes_on_and_told_when_it_is_scored(
    config: Callable, run_dir: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genlab import build

    run, settings = run_dir("a"), config(*TINY, "model.hidden=[4]")
    train.run(run, settings, console=QUIET)
    plain = build.dataset

    def other(node: dict[str, Any], **more: Any) -> Dataset:
        data = plain(node, **more)
        data.train.x[30] += 1
        return data

    monkeypatch.setattr(build, "dataset", other)
    longer = {**settings, "trainer": {**settings["trainer"], "max_steps": 3}}
    before = bytes_of(run)
    with pytest.raises(DataError, match=r"changed since .*train has other examples"):
        train.run(run, longer, console=QUIET)
    assert bytes_of(run) == before
    capsys.readouterr()
    load(step(run), trust=[], device=torch.device("cpu")).dataset(root=None, trust=[])
    (line,) = capsys.readouterr().err.splitlines()
    assert "not the data" in line


def test_a_fingerprint_sees_counts_order_and_values_and_not_the_last_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    x, real = torch.randint(0, 256, (40, 1, 4, 4), generator=generator).to(torch.uint8), torch.randn(40, 2)
    y = torch.arange(40) % 3

    def of(x: torch.Tensor, y: torch.Tensor | None = None) -> dict[str, Any]:
        split = Split(x, y)
        return fingerprint(Dataset("d", DataSpec(tuple(x.shape[1:]), None), split, split, split))

    assert changed(None, of(x)) is None
    assert changed(of(x, y), of(x.clone(), y.clone())) is None
    assert changed(of(real), of(real * (1 + 1e-6))) is None
    one = x.clone()
    one[7, 0, 1, 1] ^= 1
    for mine, theirs in [(of(x), of(one)), (of(x), of(x[:-1])), (of(x), of(x.flip(0))), (of(x, y), of(x, y.flip(0)))]:
        assert changed(mine, theirs) is not None
    assert changed(of(real), of(real + 0.01)) is not None
    assert changed(of(x, y), of(x)) is not None
    assert changed({"train": 3}, of(x)) is not None


def test_an_edited_config_is_told_where_a_checkpoint_is_loaded(older, capfd):
    path = checkpoint.latest(older / "checkpoints")
    load(path, trust=[], device=torch.device("cpu"))
    assert capfd.readouterr().err == ""
    edit(older, "model", "latent_dim", value=7)
    assert load(path, trust=[], device=torch.device("cpu")).config["model"]["latent_dim"] != 7
    said = capfd.readouterr().err
    assert "model.latent_dim is" in said
    assert said.endswith("what follows is of the checkpoint's settings\n")
    assert len(said.splitlines()) == 1
