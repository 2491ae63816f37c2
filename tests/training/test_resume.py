"""Killed at any moment and resumed, a run ends with the bits and the rows of the run that was left alone."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from rich.console import Console

from genlab.commands import train
from genlab.errors import TrainingError
from genlab.runs import directory
from genlab.storage import checkpoint
from genlab.training.callbacks.checkpoints import Checkpoints

QUIET = Console(quiet=True)
STEPS = 14
BASE = [
    f"trainer.max_steps={STEPS}",
    "trainer.log_every_n_steps=2",
    "trainer.val_check_interval=5",
    "model.hidden=[16]",
]
EBM = ["model=ebm", "model.channels=4", "objective.steps=2", "model.chain_steps=3", "objective.replay_size=512"]
PLANE = ["data=toy2d", "data.num_train=900", "data.num_val=50", "data.num_test=50"]
GAN = ["model=gan", "model.latent_dim=4"]
CYCLE = [
    "model=cyclegan",
    "data=unpaired_digits",
    "model.channels=4",
    "model.blocks=1",
    "data.batch_size=4",
    "objective.pool_size=12",
]
PATIENT = ["callbacks.guard.max_rollbacks=100"]
VARIANTS = {
    "vae": ["optim.schedule=cosine"],
    "ema": ["callbacks.ema.decay=0.9"],
    "iwae": ["model=iwae"],
    "cvae": ["model=cvae", "optim.name=adamw"],
    "bf16": ["trainer.precision=bf16-mixed"],
    "accumulate": ["trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=1.0"],
    "flow": ["model=realnvp", "model.couplings=1", "model.channels=4", "model.blocks=1"],
    "flow-batchnorm": ["model=realnvp", "model.norm=batchnorm", "callbacks.ema.decay=0.9", *PLANE],
    "skip": ["optim.skip_above=1.05"],
    "semi": ["model=semi_vae", "objective.labelled=20"],
    "warm-up": ["objective.warmup_steps=9", "optim.warmup_steps=5", "optim.name=adamax"],
    "pixelcnn": ["model=pixelcnn", "model.channels=4", "model.blocks=1", "callbacks.ema.decay=0.9"],
    "gated": ["model=conditional_gated_pixelcnn", "model.channels=4", "model.blocks=1"],
    "ebm": [*EBM, "callbacks.ema.decay=0.9"],
    "ebm-spectral": [*EBM, "model.spectral_norm=true", "callbacks.ema.decay=0.9", "trainer.precision=bf16-mixed"],
    "ebm-rollback": [*EBM, *PLANE, "objective.max_gap=0.1", "callbacks.guard.every_n_steps=9", *PATIENT],
    "gan": [*GAN, *PLANE, "callbacks.ema.decay=0.9", "players.generator.schedule=cosine"],
    "gan-critic": [*GAN, "objective.loss=wasserstein_gp", "objective.n_critic=7", "players.discriminator.lr=1e-3"],
    "gan-accumulate": [*GAN, *PLANE, "trainer.accumulate_grad_batches=2", "objective.n_critic=2", "objective.r1=0.1"],
    "dcgan": ["model=conditional_dcgan", "model.channels=4", "model.spectral_norm=true", "objective.loss=hinge"],
    "cyclegan": [*CYCLE, "callbacks.ema.decay=0.9", "objective.identity_weight=0.5"],
    "cyclegan-accumulate": [*CYCLE, "trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=1.0"],
    "pix2pix": ["model=pix2pix", "data=paired", "model.channels=4", "data.size=8", "data.batch_size=2"],
    "plane": [*PLANE, "optim.name=sgd"],
}


class Killed(BaseException):
    """Stands for a kill: nothing in genlab or Lightning catches it to save something."""


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the process's life, as far as the run can tell, after ``step`` batches and before they are saved."""
    end = Checkpoints.end_step

    def dying(self: Checkpoints, trainer: Any, pl_module: Any, *rest: Any) -> None:
        if pl_module.batches_done == step:
            raise Killed
        end(self, trainer, pl_module, *rest)

    monkeypatch.setattr(Checkpoints, "end_step", dying)


def weights(run_dir: Path) -> dict[str, Any]:
    return checkpoint.read(checkpoint.latest(run_dir / "checkpoints"))


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in flat(item, f"{prefix}{key}.").items()}
    if isinstance(value, list | tuple):
        return {k: v for key, item in enumerate(value) for k, v in flat(item, f"{prefix}{key}.").items()}
    return {prefix: value}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = flat(one), flat(other)
    assert a.keys() == b.keys()
    for key, value in a.items():
        if key == "callbacks.Chain.Checkpoints.seconds.":
            continue  # of the wall clock
        same = torch.equal(value, b[key]) if isinstance(value, torch.Tensor) else value == b[key]
        assert same, f"{key} differs"


def fitting(base: list[str], own: list[str]) -> list[str]:
    """Both, without the widths of a perceptron where the model has none."""
    convolutional = any(word.endswith(("pixelcnn", "dcgan", "cyclegan", "pix2pix")) for word in own)
    return [*(word for word in base if not (convolutional and word.startswith("model.hidden"))), *own]


def pairs(folder: Path) -> Path:
    """A few pictures of two halves each."""
    for part in ("train", "val", "test"):
        (folder / part).mkdir(parents=True)
        for i in range(6):
            halves = np.random.default_rng(i).integers(0, 256, (8, 16, 3), dtype=np.uint8)
            Image.fromarray(halves).save(folder / part / f"{i}.png")
    return folder


@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_and_resumed_is_bit_identical(
    variant: str, config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = VARIANTS[variant]
    own = [*own, f"data.root={pairs(tmp_path / 'pairs')}"] if "data=paired" in own else own
    settings = config(*fitting(BASE, own), "callbacks.checkpoint.every_n_steps=4")
    straight, killed = run_dir("straight"), run_dir("killed")
    reference = train.run(straight, settings, console=QUIET)
    for step in (3, 7, 10):  # between checkpoints, on an odd step, on a validation
        with monkeypatch.context() as patch:
            kill_at(step, patch)
            with pytest.raises(Killed):
                train.run(killed, settings, console=QUIET)
    torch.manual_seed(12345)  # whatever state a new process has
    summary = train.run(killed, settings, console=QUIET)
    assert_same(weights(straight), weights(killed))
    assert (straight / "metrics.csv").read_text() == (killed / "metrics.csv").read_text()
    for each in (summary, reference):
        each.pop("seconds")
        for split in {"val", "test"} & each.keys():
            each[split]["checkpoint"] = ""
        for picture in [key for key in each if key.endswith(("_picture", "_file"))]:
            each.pop(picture)
    assert summary == reference
    if variant == "ebm-rollback":
        assert 0 < len(summary["rollbacks"]) < STEPS
    pictures = sorted(path.name for path in (straight / "samples").iterdir())
    assert pictures == sorted(path.name for path in (killed / "samples").iterdir())
    for name in pictures:
        assert (straight / "samples" / name).read_bytes() == (killed / "samples" / name).read_bytes()


def test_a_finished_run_can_be_extended_and_its_rows_are_neither_lost_nor_doubled(
    config: Callable, run_dir: Callable
) -> None:
    short, whole = run_dir("short"), run_dir("whole")
    constant = ["optim.schedule=constant", "trainer.val_check_interval=7"]
    train.run(short, config(*BASE, *constant, "trainer.max_steps=7"), console=QUIET)
    train.run(short, config(*BASE, *constant), console=QUIET)
    train.run(whole, config(*BASE, *constant), console=QUIET)
    assert_same(
        {k: v for k, v in weights(short).items() if k != "genlab"},
        {k: v for k, v in weights(whole).items() if k != "genlab"},
    )
    rows = [row["step"] for row in csv.DictReader((short / "metrics.csv").open())]
    assert rows == [row["step"] for row in csv.DictReader((whole / "metrics.csv").open())]
    train.run(short, config(*BASE, *constant), console=QUIET)
    assert rows == [row["step"] for row in csv.DictReader((short / "metrics.csv").open())]


def test_a_changed_learning_rate_is_applied_on_resume(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    train.run(run, config(*BASE, "optim.schedule=constant", "trainer.max_steps=7"), console=QUIET)
    train.run(run, config(*BASE, "optim.lr=0.25", "optim.schedule=constant"), console=QUIET)
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert float(rows[-2]["lr"]) == 0.25
    assert float(rows[0]["lr"]) < 0.01


def test_every_checkpoint_loads_with_weights_only_and_is_self_contained(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    settings = config(*BASE, "callbacks.ema.decay=0.9", "optim.schedule=cosine")
    train.run(run, settings, console=QUIET)
    names = sorted(path.name for path in (run / "checkpoints").glob("*.ckpt"))
    assert names == ["best.ckpt", "step-000000000.ckpt", "step-000000014.ckpt"]
    for name in names:
        payload = torch.load(run / "checkpoints" / name, weights_only=True)
        assert payload["genlab"]["config"] == settings
        assert payload["genlab"]["spec"]["event_shape"] == [1, 8, 8]


def test_a_non_finite_loss_stops_at_once_and_keeps_the_last_good_checkpoint(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genlab.objectives import ELBO
    from genlab.objectives.base import Loss

    forward = ELBO.forward

    def poisoned(self: ELBO, model: Any, batch: Any, *, step: int) -> Loss:
        loss = forward(self, model, batch, step=step)
        return (
            Loss(loss.value * float("nan"), {**loss.terms, "kl": loss.terms["kl"] * float("inf")})
            if step == 5
            else loss
        )

    monkeypatch.setattr(ELBO, "forward", poisoned)
    run = run_dir("a")
    with pytest.raises(TrainingError, match=r"nan at step 5 \(term kl\)"):
        train.run(run, config(*BASE, "callbacks.checkpoint.every_n_steps=1"), console=QUIET)
    kept = weights(run)
    assert kept["genlab"]["step"] == 5
    assert all(value.isfinite().all() for value in kept["state_dict"].values())


def test_a_signal_after_the_last_step_does_not_pass_for_a_finished_run(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genlab.errors import Interrupted
    from genlab.training.callbacks.in_turn import Chain

    def ask(self: Chain, trainer: Any, pl_module: Any) -> None:
        self.parts[-1].asked = signal.SIGTERM  # type: ignore[attr-defined]

    run = run_dir("a")
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "on_train_end", ask)
        with pytest.raises(Interrupted, match=f"SIGTERM at step {STEPS}"):
            train.run(run, config(*BASE), console=QUIET)
    assert not (run / "summary.json").exists()
    assert train.run(run, config(*BASE), console=QUIET)["test"]["n"] == 300


def test_out_of_memory_advises_a_batch_size(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genlab.objectives import ELBO

    def full(self: ELBO, model: Any, batch: Any, *, step: int) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr(ELBO, "forward", full)
    with pytest.raises(TrainingError, match=r"data\.batch_size=64; try data\.batch_size=32"):
        train.run(run_dir("a"), config(*BASE), console=QUIET)


def test_fewer_examples_than_a_batch_are_one_batch(config: Callable, run_dir: Callable) -> None:
    settings = config("data=toy2d", "data.num_train=10", "data.num_val=4", "data.num_test=4", "trainer.max_epochs=3")
    assert train.run(run_dir("a"), settings, console=QUIET)["steps"] == 3


def test_max_steps_counts_batches_when_gradients_accumulate(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    summary = train.run(run, config(*BASE, "trainer.accumulate_grad_batches=5"), console=QUIET)
    assert summary["steps"] == STEPS
    state = weights(run)["optimizer_states"][0]["state"]
    assert {int(entry["step"]) for entry in state.values()} == {3}  # after batches 5, 10 and the last


def start(run: Path, settings: dict[str, Any], *, log: Path) -> subprocess.Popen:
    directory.write_text(run / "config.yaml", yaml.safe_dump({"verb": "train", "config": settings}))
    return subprocess.Popen(
        [sys.executable, "-m", "genlab", "_worker", str(run)], stdout=log.open("w"), stderr=subprocess.STDOUT
    )


def wait_for_step(run: Path, *, beyond: int) -> None:
    deadline = time.monotonic() + 120
    while not any(int(path.stem.split("-")[1]) > beyond for path in checkpoint.steps(run / "checkpoints")):
        assert time.monotonic() < deadline, "the run never got going"
        time.sleep(0.02)


LONG = [
    "trainer.max_steps=600",
    "trainer.log_every_n_steps=50",
    "trainer.val_check_interval=300",
    "model.hidden=[16]",
    "callbacks.checkpoint.every_n_steps=25",
    "trainer.threads=1",
]


def test_kill_9_and_sigterm_of_a_real_process(config: Callable, run_dir: Callable, tmp_path: Path) -> None:
    straight, killed = run_dir("straight"), run_dir("killed")
    settings = config(*LONG)
    train.run(straight, settings, console=QUIET)
    process = start(killed, settings, log=tmp_path / "1.log")
    wait_for_step(killed, beyond=30)
    time.sleep(random.Random(0).random() * 0.1)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process = start(killed, settings, log=tmp_path / "2.log")
    wait_for_step(killed, beyond=weights(killed)["genlab"]["step"] + 50)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    message = (tmp_path / "2.log").read_text().strip().splitlines()[-1]
    assert "SIGTERM at step" in message
    assert "genlab train resume=" in message
    assert weights(killed)["genlab"]["step"] == int(message.split("at step ")[1].split(";")[0])
    process = start(killed, settings, log=tmp_path / "3.log")
    assert process.wait(timeout=120) == 0, (tmp_path / "3.log").read_text()
    assert_same(weights(straight), weights(killed))
    assert (straight / "metrics.csv").read_text() == (killed / "metrics.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        [],
        EBM,
        [*EBM, *PLANE, "trainer.max_epochs=600"],
        ["model=realnvp", "data=toy2d"],
        ["model=pixelcnn", "model.channels=8", "model.blocks=1"],
        [*GAN, "objective.n_critic=2", "trainer.accumulate_grad_batches=2"],
        ["model=dcgan", "model.channels=4"],
        CYCLE,
    ],
    ids=["vae", "ebm", "ebm-plane", "flow", "pixelcnn", "gan", "dcgan", "cyclegan"],
)
def test_two_cpu_processes_train_evaluate_and_resume(
    model: list[str], config: Callable, run_dir: Callable, tmp_path: Path
) -> None:
    straight, killed = run_dir("straight"), run_dir("killed")
    settings = config(*fitting(LONG, model), "trainer=ddp", "trainer.accelerator=cpu", "callbacks.ema.decay=0.9")
    process = start(straight, settings, log=tmp_path / "1.log")
    assert process.wait(timeout=240) == 0, (tmp_path / "1.log").read_text()
    process = start(killed, settings, log=tmp_path / "2.log")
    wait_for_step(killed, beyond=100)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    children = subprocess.run(["pgrep", "-f", str(killed)], capture_output=True, text=True, check=False)
    assert children.stdout == "", "a rank was left alive"
    process = start(killed, settings, log=tmp_path / "3.log")
    assert process.wait(timeout=240) == 0, (tmp_path / "3.log").read_text()
    assert_same(weights(straight), weights(killed))


def test_a_second_process_on_a_run_directory_is_refused(config: Callable, run_dir: Callable, tmp_path: Path) -> None:
    run = run_dir("a")
    with directory.lock(run):
        process = start(run, config(*LONG), log=tmp_path / "log")
        assert process.wait(timeout=60) == 2
    assert not checkpoint.steps(run / "checkpoints")
    os.stat(run / "config.yaml")
