"""The devices of a run are those of the machine, or the command says so."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genlab import build
from genlab.commands import assembly
from genlab.errors import ConfigError, TrainingError


@pytest.mark.parametrize("devices", [[5], [0], []])
def test_devices_that_are_not_there(devices: list[int], config: Callable, run_dir: Callable) -> None:
    settings = config(f"trainer.devices={devices}".replace(" ", ""))
    with pytest.raises(ConfigError, match="devices=") as error:
        assembly.trainer(run_dir("a"), settings)
    assert "\n" not in str(error.value)


def test_a_shell_in_a_slurm_allocation_trains_alone(
    config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "2")  # and neither SLURM_PROCID nor SLURM_LOCALID
    trainer = assembly.trainer(run_dir("a"), config())
    assert (trainer.world_size, trainer.global_rank) == (1, 0)


def test_lightning_takes_no_signals(config: Callable, run_dir: Callable) -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    trainer = assembly.trainer(run_dir("a"), config())
    trainer._signal_connector.register_signal_handlers()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("size", [10**11, 10**15, 10**30])
def test_a_model_larger_than_the_memory_names_what_is_large(size: int, config: Callable) -> None:
    settings = config(f"model.latent_dim={size}")
    data = build.dataset(settings["data"], trust=[])
    with pytest.raises(TrainingError, match=rf"model\.latent_dim={size}: the model does not fit"):
        build.model(settings["model"], data.spec, trust=[])


def test_a_list_of_sizes_that_is_larger_than_the_memory_is_named(config: Callable) -> None:
    settings = config(f"model.hidden=[8,{10**11}]")
    data = build.dataset(settings["data"], trust=[])
    with pytest.raises(TrainingError, match=rf"model\.hidden=\[8, {10**11}\]: the model does not fit"):
        build.model(settings["model"], data.spec, trust=[])


def test_what_else_is_larger_than_the_memory_is_no_bug(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from genlab.cli import main
    from genlab.cli.verbs import Verb

    monkeypatch.setitem(main.VERBS, "list", Verb("", lambda *_: np.empty(10**16) is None))
    assert main.main(["list"]) == 5
    assert capsys.readouterr().err.startswith("genlab: error: out of memory (Unable to allocate")


def test_batches_of_sequences_are_as_long_as_those_that_are_trained_on(config: Callable, tmp_path: Path) -> None:
    parts = {part: np.zeros((4, 9, 88), np.uint8) for part in ("x_train", "x_val", "x_test")}
    lengths = {"lengths_train": [2, 5, 5, 1], "lengths_val": [9] * 4, "lengths_test": [3] * 4}
    np.savez(tmp_path / "x.npz", **parts, **{name: np.array(each) for name, each in lengths.items()})
    made = config("model=rnn", "data=music", f"data.root={tmp_path / 'x.npz'}", "data.batch_size=2")
    data = build.dataset(made["data"], trust=[])
    assert data.train.x.shape[1] == 9
    found = assembly.loader(made, data, SimpleNamespace(global_rank=0, world_size=1), held=None)
    assert [batch.x.shape for batch in islice(found, 2)] == [(2, 5, 88)] * 2
