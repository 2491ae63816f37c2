"""Translators as they are trained: whose weights move, which batches come, and how the learning rate falls."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from genlab import build
from genlab.commands import assembly, train
from genlab.training.game import GameLoss
from genlab.training.optim import OptimiserRecipe

QUIET = Console(quiet=True)
BASE = ["model.channels=4", "callbacks.samples.n=2", "logger=csv", "trainer.log_every_n_steps=1"]
CYCLEGAN = ["model=cyclegan", "data=unpaired_digits", "model.blocks=1", "data.batch_size=4", *BASE]


@pytest.fixture
def pix2pix(tmp_path: Path) -> list[str]:
    for part in ("train", "val", "test"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for i in range(4):
            halves = np.random.default_rng(i).integers(0, 256, (8, 16, 3), dtype=np.uint8)
            Image.fromarray(halves).save(tmp_path / "pairs" / part / f"{i}.png")
    return ["model=pix2pix", "data=paired", f"data.root={tmp_path / 'pairs'}", "data.size=8", *BASE]


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_an_update_by_one_player_leaves_the_others_bit_identical(
    name: str,
    precision: str,
    pix2pix: list[str],
    config: Callable,
    run_dir: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules: list[GameLoss] = []
    moved: list[set[str]] = []
    step, update = GameLoss.step, torch.optim.Adam.step

    def remembering(self: GameLoss, batch: Any) -> None:
        modules.append(self)
        step(self, batch)

    def watched(self: torch.optim.Adam, *rest: Any, **named: Any) -> Any:
        model = modules[-1].model
        before = {key: value.clone() for key, value in model.state_dict().items()}
        result = update(self, *rest, **named)
        after = model.state_dict()
        moved.append({key for key, value in before.items() if not torch.equal(value, after[key])})
        return result

    monkeypatch.setattr(GameLoss, "step", remembering)
    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    words = CYCLEGAN if name == "cyclegan" else pix2pix
    train.run(run_dir("run"), config(*words, "trainer.max_steps=2", f"trainer.precision={precision}"), console=QUIET)
    names = {key for key, _ in modules[-1].model.named_parameters()}
    turns = [["a_to_b", "b_to_a"], ["discriminator_a", "discriminator_b"]]
    if name == "pix2pix":
        turns = [["discriminator"], ["generator"]]
    own = [{key for key in names if key.partition(".")[0] in turn} for turn in turns]
    assert moved == own * 2


@pytest.mark.parametrize(("name", "paired"), [("cyclegan", False), ("pix2pix", True)])
def test_only_pairs_are_drawn_as_pairs(name: str, paired: bool, pix2pix: list[str], config: Callable) -> None:
    settings = config(*(pix2pix if name == "pix2pix" else CYCLEGAN))
    data = build.dataset(settings["data"], trust=[])
    trainer: Any = SimpleNamespace(global_rank=0, world_size=1)
    loader = assembly.loader(settings, data, trainer, held=None)
    assert loader.paired == paired
    assert (loader.transform is not None) == (name == "pix2pix")


def test_augmentation_can_be_left_out(pix2pix: list[str], config: Callable) -> None:
    data = build.dataset(config(*pix2pix, "data.augment=false")["data"], trust=[])
    assert data.train_transform is None


def test_the_learning_rate_is_constant_and_then_falls_linearly_to_zero() -> None:
    factor = OptimiserRecipe(schedule="constant_linear").factor(200)
    assert factor is not None
    assert [factor(step) for step in (0, 50, 100, 125, 150, 199, 200)] == pytest.approx([1, 1, 1, 0.75, 0.5, 0.01, 0])


def test_both_players_follow_the_schedule(config: Callable, run_dir: Callable) -> None:
    run = run_dir("run")
    train.run(run, config(*CYCLEGAN, "trainer.max_steps=8", "players.discriminators.lr=1e-4"), console=QUIET)
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    for name, lr in (("generators", 2e-4), ("discriminators", 1e-4)):
        rates = [float(row[f"lr/{name}"]) for row in rows if row[f"lr/{name}"]]
        assert rates == pytest.approx([lr * x for x in (1, 1, 1, 1, 0.75, 0.5, 0.25, 0)], abs=1e-9)


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_a_single_picture_has_no_diversity(name: str, pix2pix: list[str], config: Callable, run_dir: Callable) -> None:
    run, words = run_dir("run"), pix2pix if name == "pix2pix" else CYCLEGAN
    summary = train.run(run, config(*words, "data.batch_size=1", "trainer.max_steps=2"), console=QUIET)
    assert "nan" not in (run / "metrics.csv").read_text()
    expected = {"l1", "l1_identity", "l1_mean"}
    assert (summary["translation"].keys() >= expected) == (name == "pix2pix")
