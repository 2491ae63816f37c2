"""The guard: an exploding chain is noticed, undone and made slower; what it did is told, and it gives up in the end."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from genlab.commands import train
from genlab.errors import TrainingError
from genlab.models.ebm.ebm import EBM
from genlab.objectives import ContrastiveDivergence
from genlab.objectives.base import Loss
from genlab.storage import checkpoint
from genlab.training.callbacks.guard import Guard

TINY = [
    "model=ebm",
    "data=toy2d",
    "data.name=eight_gaussians",
    "data.num_train=900",
    "data.num_val=50",
    "data.num_test=50",
    "model.hidden=[8]",
    "model.chain_steps=3",
    "objective.steps=3",
    "objective.replay_size=256",
    "trainer.max_steps=12",
    "trainer.val_check_interval=12",
    "trainer.log_every_n_steps=1",
    "callbacks.guard.every_n_steps=2",
    "logger=csv",
]


def held(run: Path) -> dict[str, Any]:
    return checkpoint.read(checkpoint.latest(run / "checkpoints"))


def test_a_step_that_is_too_long_is_shortened_until_the_chain_is_stable(config: Callable, run_dir: Callable) -> None:
    """On the base measure a step beyond 2 explodes: ``u' = (1 - a) u`` of 4 grows, that of 1 does not."""
    run, said = run_dir("a"), Console(record=True, width=200, quiet=False, file=(run_dir("b") / "said").open("w"))
    summary = train.run(run, config(*TINY, "model.step_size=4.0", "model.noise=0.001"), console=said)
    count = len(summary["rollbacks"])
    assert 1 <= count <= 3
    assert summary["steps"] == 12, "the step count goes on"
    state = held(run)["state_dict"]
    assert state["model.step_scale"].item() == 0.5**count
    assert all(value.isfinite().all() for value in state.values())
    assert math.isfinite(summary["test"]["value"])
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [int(row["step"]) for row in rows if row["rollbacks"]] == summary["rollbacks"]
    assert [row["rollbacks"] for row in rows if row["rollbacks"]] == [str(n + 1) for n in range(count)]
    text = said.export_text()
    assert text.count("guard") == count
    assert f"diverged at step {summary['rollbacks'][0]}" in text


def test_a_rollback_restores_the_whole_state_of_the_snapshot(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = ContrastiveDivergence.forward
    steps: list[int] = []
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def poisoned(self: ContrastiveDivergence, model: EBM, batch: Any, *, step: int) -> Loss:
        steps.append(step)
        seen[step] = {name: value.clone() for name, value in [*model.state_dict().items(), ("replay", self.replay)]}
        loss = forward(self, model, batch, step=step)
        return Loss(loss.value * math.nan, loss.terms) if step == 7 else loss

    moments: dict[str, list[torch.Tensor]] = {}
    scales: dict[str, float] = {}

    def watched(name: str) -> None:
        original = getattr(Guard, name)

        def wrapper(self: Guard, trainer: Any, pl_module: Any) -> Any:
            result = original(self, trainer, pl_module)
            state = trainer.optimizers[0].state_dict()["state"]
            scales[name] = pl_module.scored.step_scale.item()
            moments[name] = [value.clone() for each in state.values() for value in each.values()]
            return result

        monkeypatch.setattr(Guard, name, wrapper)

    watched("_copy")
    watched("_go_back")
    monkeypatch.setattr(ContrastiveDivergence, "forward", poisoned)
    run = run_dir("a")
    settings = config(*TINY, "callbacks.ema.decay=0.5", "callbacks.guard.every_n_steps=6", "trainer.max_steps=11")
    summary = train.run(run, settings, console=Console(quiet=True))
    assert summary["rollbacks"] == [8]  # batch 7 is the eighth
    assert steps == list(range(11)), "no step is taken twice: seeds and batches go on"
    for name, value in seen[8].items():
        expected = torch.tensor(0.5) if name == "step_scale" else seen[6][name]  # the snapshot after six batches
        assert torch.equal(value, expected), name
    assert scales == {"_copy": 1.0, "_go_back": 0.5}, "the averaged model is sampled, also at this very step"
    assert len(moments["_copy"]) > 0
    assert all(torch.equal(a, b) for a, b in zip(moments["_copy"], moments["_go_back"], strict=True))


def test_after_too_many_rollbacks_training_ends_with_advice(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ContrastiveDivergence, "diverged", lambda self, loss: True)
    run = run_dir("a")
    settings = config(*TINY, "callbacks.guard.max_rollbacks=2", "callbacks.checkpoint.every_n_steps=1")
    with pytest.raises(TrainingError, match=r"diverged at step 3 .* after 2 rollbacks; .* smaller optim\.lr"):
        train.run(run, settings, console=Console(quiet=True))
    assert held(run)["genlab"]["step"] == 2


def test_a_snapshot_waits_for_the_loss_of_the_step_after_it(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss judges the weights before its update: those after batch 6 prove bad at batch 7."""
    forward = ContrastiveDivergence.forward

    def poisoned(self: ContrastiveDivergence, model: EBM, batch: Any, *, step: int) -> Loss:
        loss = forward(self, model, batch, step=step)
        return Loss(loss.value * math.nan, loss.terms) if step == 6 else loss

    monkeypatch.setattr(ContrastiveDivergence, "forward", poisoned)
    said = Console(record=True, width=200, file=(run_dir("b") / "said").open("w"))
    summary = train.run(run_dir("a"), config(*TINY), console=said)
    assert summary["rollbacks"] == [7]
    assert "back to the weights of step 4" in said.export_text()


@pytest.mark.parametrize("words", [["model=ebm", "objective.steps=2", "model.chain_steps=2"], ["model=vae"]])
def test_a_last_update_that_ruins_the_weights_does_not_end_in_finished(
    words: list[str], config: Callable, run_dir: Callable
) -> None:
    run = run_dir("a")
    settings = [*words, "model.hidden=[8]", "trainer.max_steps=1", "optim.lr=1e30", "logger=csv"]
    with pytest.raises(TrainingError, match=r"nan|inf"):
        train.run(run, config(*settings), console=Console(quiet=True))
    assert not (run / "summary.json").exists()


def test_a_batch_of_one_point_anchors_a_chain(config: Callable, run_dir: Callable) -> None:
    summary = train.run(run_dir("a"), config(*TINY, "data.batch_size=1"), console=Console(quiet=True))
    assert summary["rollbacks"] == []
    assert math.isfinite(summary["test"]["value"])
