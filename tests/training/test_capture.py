"""Steps of fixed buffers, as an accelerator takes them, are those of the plain loop; here called, there replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from genlab import build
from genlab.commands import train
from genlab.data.batches import Batch, BatchLoader
from genlab.data.spaces import Dataset, Split
from genlab.errors import TrainingError
from genlab.objectives import ELBO
from genlab.objectives.base import Loss
from genlab.storage import checkpoint
from genlab.training import accelerator, late
from genlab.training.capture import DeviceSteps
from genlab.training.feed import Resident, Streamed
from tests.training.test_resume import EBM, Killed, assert_same, fitting, kill_at, weights

QUIET = Console(quiet=True)
STEPS = 14
BASE = [
    f"trainer.max_steps={STEPS}",
    "trainer.log_every_n_steps=2",
    "trainer.val_check_interval=5",
    "callbacks.checkpoint.every_n_steps=4",
    "callbacks.samples.n=2",
    "test.num_particles=1",
    "logger=csv",
    "model.hidden=[8]",
]
PLANE = ["data=toy2d", "data.num_train=900", "data.num_val=50", "data.num_test=50"]
VARIANTS = {
    "vae": ["optim.schedule=cosine", "trainer.gradient_clip_val=1.0", "objective.warmup_steps=9"],
    "ema": ["callbacks.ema.decay=0.9", "optim.name=adamax"],
    "cvae": ["model=cvae", "trainer.precision=bf16-mixed"],
    "flow": ["model=realnvp", "model.couplings=1", "model.channels=4", "model.blocks=1"],
    "pixelcnn": ["model=pixelcnn", "model.channels=4", "model.blocks=1"],
    "ebm": [*EBM, "objective.max_gap=0.1", "callbacks.guard.every_n_steps=3", "callbacks.guard.max_rollbacks=100"],
    "gan": ["model=gan", "model.latent_dim=4", *PLANE, "objective.n_critic=3", "players.generator.schedule=cosine"],
    "dcgan": ["model=conditional_dcgan", "model.channels=4", "objective.r1=0.1", "model.norm=layer"],
    "cyclegan": [
        "model=cyclegan",
        "data=unpaired_digits",
        "model.channels=4",
        "model.blocks=1",
        "data.batch_size=4",
        "objective.pool_size=12",
    ],
}


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU takes its steps as an accelerator does."""
    monkeypatch.setattr(accelerator, "why_not", lambda *args, **options: None)


@pytest.mark.parametrize("variant", VARIANTS)
def test_steps_of_fixed_buffers_are_those_of_the_plain_loop(
    variant: str, config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(*fitting(BASE, VARIANTS[variant]))
    plain, buffers = run_dir("plain"), run_dir("buffers")
    expected = train.run(plain, settings, console=QUIET)
    taken: list[int] = []
    take = DeviceSteps.take

    def counting(self: DeviceSteps) -> None:
        taken.append(self.module.batches_done)
        take(self)

    with monkeypatch.context() as patch:
        patch.setattr(accelerator, "why_not", lambda *args, **options: None)
        patch.setattr(DeviceSteps, "take", counting)
        summary = train.run(buffers, settings, console=QUIET)
    assert taken == list(range(STEPS))
    a, b = weights(plain)["state_dict"], weights(buffers)["state_dict"]
    assert a.keys() == b.keys()
    for name, value in a.items():
        if name.startswith("averaged."):  # moves by another formula
            assert torch.allclose(value.double(), b[name].double(), atol=1e-6), name
        else:
            assert torch.equal(value, b[name]), name
    assert summary["steps"] == expected["steps"]
    assert summary.get("rollbacks") == expected.get("rollbacks")
    if variant != "ema":
        assert (plain / "metrics.csv").read_text() == (buffers / "metrics.csv").read_text()


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("variant", ["ema", "ebm", "gan"])
def test_killed_and_resumed_steps_of_fixed_buffers_are_bit_identical(
    variant: str, config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = build.dataset

    def drawn_afresh(*args: Any, **options: Any) -> Dataset:
        found = dataset(*args, **options)
        return found if found.spec.levels is None else replace(found, train_transform=one_less)

    monkeypatch.setattr(build, "dataset", drawn_afresh)
    settings = config(*fitting(BASE, VARIANTS[variant]))
    straight, killed = run_dir("straight"), run_dir("killed")
    train.run(straight, settings, console=QUIET)
    for step in (3, 7, 10):
        with monkeypatch.context() as patch:
            kill_at(step, patch)
            with pytest.raises(Killed):
                train.run(killed, settings, console=QUIET)
    torch.manual_seed(12345)
    train.run(killed, settings, console=QUIET)
    assert_same(weights(straight), weights(killed))
    assert (straight / "metrics.csv").read_text() == (killed / "metrics.csv").read_text()


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize(("block", "every"), [(4, 100), (16, 100), (16, 8)])
def test_a_loss_found_late_is_named_and_no_checkpoint_is_of_after_it(
    block: int, every: int, config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = ELBO.forward

    def poisoned(self: ELBO, model: Any, batch: Any, *, step: Any) -> Loss:
        loss = forward(self, model, batch, step=step)
        return Loss(torch.where(torch.as_tensor(step) == 5, float("nan"), loss.value), loss.terms)

    monkeypatch.setattr(ELBO, "forward", poisoned)
    monkeypatch.setattr(late, "BLOCK", block)
    run: Path = run_dir("a")
    with pytest.raises(TrainingError, match=r"loss is nan at step 5 \(term value\)"):
        train.run(
            run,
            config(*BASE, f"callbacks.checkpoint.every_n_steps={every}", "trainer.val_check_interval=100"),
            console=QUIET,
        )
    assert [checkpoint.read(path)["genlab"]["step"] for path in checkpoint.steps(run / "checkpoints")] == [0]
    rows = (run / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "4"]


def one_less(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.where(torch.rand(x.shape, generator=generator) < 0.5, x, x.clamp_min(1) - 1)


def twice(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return x * 2 + torch.randint(2, x.shape, generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("kind", [Resident, Streamed])
@pytest.mark.parametrize("domains", ["one", "paired", "unpaired"])
def test_a_feed_gives_the_loader_s_batches(kind: type, domains: str) -> None:
    x = torch.randint(120, (23, 1, 2, 2), dtype=torch.uint8)
    x_b = {"one": None, "paired": x + 1, "unpaired": x[:7] + 1}[domains]
    split = Split(x, torch.arange(23), x_b)
    loader = BatchLoader(
        split, batch_size=5, seed=3, num_steps=14, start=2, transform=twice, paired=domains == "paired"
    )
    feed = kind(loader, torch.device("cpu"))
    for step, expected in enumerate(loader, start=2):
        feed.fill(step)
        feed.seed(step)
        given = feed.batch()
        assert isinstance(given, Batch)
        for part, other in zip(given, expected, strict=True):
            assert (part is None) == (other is None)
            assert part is None or torch.equal(part, other)


def test_losses_arrive_in_order_and_calls_between_them() -> None:
    seen: list[Any] = []
    losses = late.LateLosses(torch.device("cpu"), lambda step, given: seen.append((step, given["a"].value.item())))
    for step in range(40):
        found = {"a": Loss(torch.tensor(float(step)), {"t": torch.tensor(0.0)})}
        losses.push(step, late.names_of(found), late.flat(found))
        if step in {3, 21, 39}:
            losses.after(step, lambda step=step: seen.append(f"call {step}"))
    assert seen[:2] == [(3, 3.0), "call 3"]
    assert "call 21" not in seen
    losses.settle()
    assert seen[-2:] == [(39, 39.0), "call 39"]
    assert [one for one in seen if isinstance(one, str)] == ["call 3", "call 21", "call 39"]
