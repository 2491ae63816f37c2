"""Windows of steps are invisible: the same steps, weights and callbacks whatever their size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from rich.console import Console
from torch import nn

from genlab.commands import train
from genlab.data.batches import BatchLoader
from genlab.data.spaces import DataSpec, Split
from genlab.models import EBM
from genlab.objectives import ContrastiveDivergence
from genlab.objectives.base import Loss, Objective
from genlab.storage import checkpoint
from genlab.training import base
from genlab.training.callbacks.steps import Steps
from genlab.training.optim import OptimiserRecipe
from genlab.training.single import SingleLoss
from genlab.training.windows import Windows

QUIET = Console(quiet=True)
BASE = ["model.hidden=[8]", "trainer.max_steps=19", "test.num_particles=1", "callbacks.samples.n=2", "logger=csv"]


@pytest.mark.parametrize(("start", "sizes"), [(0, [4, 4, 3]), (7, [4]), (10, [1]), (11, [])])
def test_windows_hold_every_batch_once(start: int, sizes: list[int]) -> None:
    split = Split(torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1))
    loader = BatchLoader(split, batch_size=5, seed=0, num_steps=11, start=start)
    windows = Windows(loader, size=4)
    seen = [[batch.x for batch in window] for window in windows]
    assert [len(window) for window in seen] == sizes
    assert len(windows) == len(sizes)
    flat = [x for window in seen for x in window]
    assert all(torch.equal(a, b.x) for a, b in zip(flat, loader, strict=True))


@pytest.mark.parametrize(
    "extra",
    [
        [],
        ["trainer.accumulate_grad_batches=3", "trainer.gradient_clip_val=0.5"],
        ["callbacks.ema.decay=0.9", "optim.schedule=cosine"],
    ],
    ids=["plain", "accumulate-clip", "ema-schedule"],
)
def test_the_size_of_a_window_changes_nothing(
    extra: list[str], config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[list[int]] = []
    end = Steps.end_step

    def counting(self: Steps, trainer: Any, pl_module: Any) -> None:
        ended[-1].append(pl_module.batches_done)
        end(self, trainer, pl_module)

    monkeypatch.setattr(Steps, "end_step", counting)
    states = []
    for size in (1, 16):
        ended.append([])
        monkeypatch.setattr(base, "WINDOW", size)
        run: Path = run_dir(f"window-{size}")
        train.run(run, config(*BASE, *extra), console=QUIET)
        states.append(checkpoint.read(run / "checkpoints" / "step-000000019.ckpt")["state_dict"])
    assert ended[0] == ended[1] == list(range(1, 20))
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_gradient_is_clipped(config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = torch.optim.SGD.step

    def watched(self: torch.optim.SGD, closure: Any = None) -> Any:
        def looking() -> Any:
            value = closure()
            gradients = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
            norms.append(torch.cat(gradients).norm().item())
            return value

        return step(self, looking)

    monkeypatch.setattr(torch.optim.SGD, "step", watched)
    settings = ["optim.name=sgd", "optim.lr=1e-5", "trainer.gradient_clip_val=0.125"]
    train.run(run_dir("run"), config(*BASE, *settings), console=QUIET)
    assert len(norms) == 19
    assert norms == pytest.approx([0.125] * 19, rel=1e-4)


class Distance(Objective):
    """``sum (w - x)^2 / B`` of a batch."""

    def forward(self, model: nn.Module, batch: Any, *, step: int) -> Loss:
        """Its gradient is ``2 (w - mean x)``."""
        return Loss((model.weight - batch.x).square().mean(), {})


@pytest.mark.parametrize(("steps", "start"), [(8, 0), (8, 3), (7, 0), (6, 0), (2, 0)])
def test_an_update_is_the_mean_over_its_own_batches(steps: int, start: int) -> None:
    x = torch.tensor([[1.0], [3.0], [-2.0], [0.5], [4.0], [-1.0], [2.5], [7.0]])
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    optimiser = OptimiserRecipe("sgd", lr=0.1, betas=(0.0, 0.0))
    module = SingleLoss(model, Distance(), optimiser=optimiser, seed=0, num_batches=steps, accumulate=3)
    module.batches_done = start
    loader = BatchLoader(Split(x), batch_size=1, seed=0, num_steps=steps, start=start)
    loader.permutation = lambda epoch, *, size, domain="a": torch.arange(size)  # type: ignore[method-assign]
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, train_dataloaders=Windows(loader, size=4))
    expected = 0.0
    for first in range(start, steps, 3):
        batches = x[first : min(first + 3, steps)]
        expected -= 0.1 * 2 * (expected - batches.mean().item())
    assert model.weight.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_an_objective_s_buffers_are_in_the_state_once(compiled: bool) -> None:
    objective = ContrastiveDivergence(steps=1, replay_size=8)
    model = EBM(DataSpec((2,), None), hidden=[4], chain_steps=1)
    module = SingleLoss(model, objective, optimiser=OptimiserRecipe(), seed=0, num_batches=1, compiled=compiled)
    assert {name.partition(".")[0] for name in module.state_dict()} == {"model", "objective"}
