"""A frozen or collapsed game is reported once; a healthy one never."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from genlab.commands import train
from genlab.evaluation.collapse import diversity
from genlab.models import GAN
from genlab.models.translation.generators import ResNetGenerator
from genlab.training.callbacks.watch import FEW, PATIENCE, Watch

PLANE = [
    "model=gan",
    "model.hidden=[16]",
    "data=toy2d",
    "data.num_train=600",
    "data.batch_size=64",
    "trainer.max_steps=90",
    "trainer.log_every_n_steps=10",
    "logger=csv",
    "trainer.val_check_interval=90",
]


def trained(config: Callable, run: Any, *overrides: str) -> tuple[dict[str, Any], str]:
    console = Console(record=True, width=200, file=io.StringIO())
    summary = train.run(run, config(*PLANE, *overrides), console=console)
    return summary, console.export_text()


def test_a_healthy_game_is_left_alone_and_its_gradients_are_logged(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    summary, said = trained(config, run)
    assert summary["warnings"] == []
    assert "watch" not in said
    rows = [row for row in csv.DictReader((run / "metrics.csv").open()) if row.get("gradient/generator")]
    assert [int(row["step"]) for row in rows] == list(range(10, 91, 10))
    for name in ("gradient/generator", "gradient/discriminator", "diversity/samples"):
        assert all(float(row[name]) > 0 for row in rows)
    assert set(summary["last"]) == {"generator", "discriminator", "accuracy_real", "accuracy_fake"}


@pytest.mark.parametrize(("player", "lr"), [("generator", 1e-30), ("discriminator", 1e-8)])
def test_a_player_who_does_not_learn_is_reported_once(
    player: str, lr: float, config: Callable, run_dir: Callable
) -> None:
    run = run_dir("a")
    summary, said = trained(config, run, f"players.{player}.lr={lr}")
    message = f"the {player} stands still: its weights have not moved for 50 steps"
    assert summary["warnings"] == [{"step": 10 * PATIENCE, "message": message}]
    assert said.count(f"watch    step 50: {message}") == 1
    rows = [row for row in csv.DictReader((run / "metrics.csv").open()) if row["warnings"]]
    assert [(row["step"], row["warnings"]) for row in rows] == [("50", "1")]


def test_a_player_whose_turn_is_rare_is_not_taken_for_frozen(config: Callable, run_dir: Callable) -> None:
    rare = [
        "objective.n_critic=20",
        "trainer.log_every_n_steps=1",
        "trainer.max_steps=30",
        "trainer.val_check_interval=30",
    ]
    summary, _ = trained(config, run_dir("a"), *rare)
    assert summary["warnings"] == []


def test_a_player_whose_turn_is_rare_is_reported_after_as_many_turns(config: Callable, run_dir: Callable) -> None:
    rare = ["objective.n_critic=4", "trainer.log_every_n_steps=2", "trainer.max_steps=30", "players.generator.lr=1e-30"]
    summary, _ = trained(config, run_dir("a"), *rare)
    message = "the generator stands still: its weights have not moved for 20 steps"
    assert summary["warnings"] == [{"step": 4 * PATIENCE, "message": message}]


def test_a_look_comes_where_the_update_ends_that_it_is_due_in(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    words = ["trainer.accumulate_grad_batches=4", "trainer.max_steps=50", "players.generator.lr=1e-30"]
    summary, _ = trained(config, run, *words)
    rows = [row for row in csv.DictReader((run / "metrics.csv").open()) if row.get("gradient/generator")]
    assert [int(row["step"]) for row in rows] == [12, 20, 32, 40, 50]  # the last update is of two batches
    message = "the generator stands still: its weights have not moved for 50 steps"
    assert summary["warnings"] == [{"step": 50, "message": message}]


def test_a_collapsed_generator_is_reported(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = GAN.generate

    def constant(self: GAN, z: Tensor, c: Tensor | None = None) -> Tensor:
        return generate(self, z, c).mean(0, keepdim=True).expand(len(z), -1)

    monkeypatch.setattr(GAN, "generate", constant)
    summary, _ = trained(config, run_dir("a"))
    (warning,) = summary["warnings"]
    assert warning["step"] == 10 * PATIENCE
    assert warning["message"].startswith("samples are nearly all the same: their mean distance is 0.00% of the data")


def test_translations_that_are_all_white_are_noticed_in_batches_of_one(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ResNetGenerator, "forward", lambda self, x: torch.ones_like(x) + 0 * next(self.parameters()).sum()
    )
    words = ["model=cyclegan", "data=unpaired_digits", "model.channels=4", "model.blocks=1", "data.batch_size=1"]
    words += ["trainer.log_every_n_steps=1", "trainer.val_check_interval=14", "logger=csv"]
    run = run_dir("a")
    white = "translations_b are nearly all the same: their mean distance is 0.00% of the data's"
    summary = train.run(run, config(*words, "trainer.max_steps=14"), console=Console(quiet=True))
    assert {"step": FEW + PATIENCE - 1, "message": white} in summary["warnings"]
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [row["step"] for row in rows if row["diversity/translations_a"]] == [str(step) for step in range(FEW, 15)]
    # a run too short for that says so at its end
    summary = train.run(run_dir("b"), config(*words, "trainer.max_steps=3"), console=Console(quiet=True))
    assert {"step": 3, "message": white} in summary["warnings"]


def test_what_is_gathered_survives_a_resume() -> None:
    one, other = Watch(report=print), Watch(report=print)
    made, real = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    for _ in range(FEW - 1):
        assert one._diversities({"samples": (made, real)}) == {}
    other.load_state_dict(one.state_dict())
    again = {"samples": (made, torch.rand(1, 3, 64, 64))}
    assert one._diversities(again) == other._diversities(again) == {"samples": 0.0}
    assert sum(x.numel() for x in one.state_dict()["gathered"]["samples"]) < 20_000


def test_of_batches_of_one_no_diversity_is_logged(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    small = ["data.batch_size=1", "trainer.max_steps=10", "trainer.val_check_interval=10"]
    trained(config, run, *small)
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert any(row["gradient/generator"] for row in rows)
    assert all("nan" not in row.values() and "diversity/samples" not in row for row in rows)


def test_diversity_is_a_ratio_of_mean_distances() -> None:
    x = torch.randn(64, 3, 4, 4)
    assert diversity(x, x) == pytest.approx(1.0)
    assert diversity(0.25 * x, x) == pytest.approx(0.25)
    assert diversity(x[:1].expand(64, -1, -1, -1), x) == 0.0
