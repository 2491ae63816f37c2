"""Where a run is in its data depends on what it has seen, not on how many devices saw it."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
import torch
from rich.console import Console

from genlab.commands import train
from genlab.data.batches import BatchLoader, Place
from genlab.data.spaces import Split
from genlab.errors import ConfigError
from genlab.storage import checkpoint

SPLIT = Split(torch.arange(100.0)[:, None])
START = Place()


def loader(*, batch: int = 10, world: int = 1, rank: int = 0, origin: Place = START, last: int = 0) -> BatchLoader:
    return BatchLoader(
        SPLIT, batch_size=batch, seed=0, num_steps=last, start=origin.step, origin=origin, rank=rank, world_size=world
    )


def seen(of: BatchLoader) -> list[float]:
    return [x for batch in of for x in batch.x.flatten().tolist()]


def test_a_run_from_the_start_counts_as_ever() -> None:
    whole = loader()
    for step in (0, 1, 9, 10, 11, 57):
        assert whole.place(step) == (step, step // 10, step % 10 * 10)
        assert whole.epochs(step) == pytest.approx(step / 10, abs=1e-12)
        assert whole.ends_epoch(step, every=2) == (step > 0 and step % 20 == 0)
    assert whole.last_step(18) == 180


@pytest.mark.parametrize(("batch", "world"), [(10, 2), (5, 1), (7, 3), (30, 1), (60, 1), (10, 1)])
def test_a_run_that_goes_on_with_other_devices_sees_each_example_once_an_epoch(batch: int, world: int) -> None:
    first = loader(last=65)
    origin = first.place(65)
    assert origin == (65, 6, 50)
    parts = [loader(batch=batch, world=world, rank=rank, origin=origin) for rank in range(world)]
    end = parts[0].last_step(10)
    per = batch * world
    assert end - 65 == 50 // per + 3 * (100 // per)
    assert parts[0].epochs(end) == 10
    now = seen(first)[600:]
    for part in parts:
        part.num_steps = 65 + 50 // per
        now += seen(part)
    assert len(now) == len(set(now)) == 50 + 50 // per * per


def test_where_a_run_is_follows_from_any_of_its_places() -> None:
    straight = loader(batch=7, world=2, origin=Place(65, 6, 50))
    for step in range(65, 110):
        again = loader(batch=7, world=2, origin=straight.place(step))
        for later in range(step, 120):
            assert again.place(later) == straight.place(later)
        assert again.last_step(40) == straight.last_step(40)


SMALL = ["data=toy2d", "data.num_train=900", "data.num_val=50", "data.num_test=50", "model.hidden=[4]"]


@pytest.fixture
def other_number_of_devices(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the next run have so many steps to an epoch, as another number of devices would."""
    from genlab.commands import assembly

    def make(batch: int) -> None:
        monkeypatch.setattr(assembly, "BatchLoader", lambda *a, **k: BatchLoader(*a, **{**k, "batch_size": batch}))

    return make


def test_a_run_that_goes_on_with_other_devices_has_the_epochs_that_it_says(
    config: Callable, run_dir: Callable, other_number_of_devices: Callable
) -> None:
    run, quiet = run_dir("a"), Console(quiet=True)
    other_number_of_devices(90)
    train.run(run, config(*SMALL, "trainer.max_epochs=5", "trainer.max_steps=25"), console=quiet)
    other_number_of_devices(180)
    summary = train.run(run, config(*SMALL, "trainer.max_epochs=5", "trainer.log_every_n_steps=1"), console=quiet)
    assert (summary["steps"], summary["epochs"]) == (25 + 2 + 2 * 5, 5)
    held = checkpoint.read(checkpoint.latest(run / "checkpoints"))["genlab"]
    assert (held["step"], held["epoch"], held["examples"]) == (37, 5, 0)
    epochs = [row["epoch"] for row in csv.DictReader((run / "metrics.csv").open()) if row["epoch"]]
    assert epochs[-2:] == ["4.8", "5"]
    other_number_of_devices(45)
    with pytest.raises(ConfigError, match=r"max_epochs=4: the run has seen 5\.00 epochs; give at least 5"):
        train.run(run, config(*SMALL, "trainer.max_epochs=4"), console=quiet)
