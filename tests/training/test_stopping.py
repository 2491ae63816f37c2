"""Signals and vanished readers: what was trained is kept, and the exit status is right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from genlab.commands import between_steps, summary, train
from genlab.errors import Interrupted
from genlab.process import signals
from genlab.storage import checkpoint
from genlab.training.callbacks.steps import Steps

QUIET = Console(quiet=True)
SMALL = ["data=toy2d", "data.num_train=900", "data.num_val=50", "data.num_test=50", "model.hidden=[4]"]
SMALL += ["trainer.max_steps=40", "trainer.log_every_n_steps=1"]


@pytest.mark.parametrize("signum", signals.STOPPING)
def test_each_signal_saves_at_the_end_of_the_step(
    signum: signal.Signals, config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Steps.end_step

    def signalled(self: Steps, trainer: Any, pl_module: Any) -> None:
        if pl_module.batches_done == 5:
            os.kill(os.getpid(), signum)
        end(self, trainer, pl_module)

    monkeypatch.setattr(Steps, "end_step", signalled)
    run = run_dir("a")
    with signals.raising(), pytest.raises(Interrupted, match=f"{signum.name} at step 5; saved") as stop:
        train.run(run, config(*SMALL), console=QUIET)
    assert stop.value.exit_code == 128 + signum
    assert checkpoint.read(checkpoint.latest(run / "checkpoints"))["genlab"]["step"] == 5


@pytest.mark.parametrize("where", [(summary, "validate"), (between_steps, "draw")], ids=["scores", "pictures"])
def test_a_signal_after_the_last_step_ends_the_run_at_once(
    where: tuple[Any, str], config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signalled(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        raise AssertionError("it went on")

    run = run_dir("a")
    train.run(run, config(*SMALL), console=QUIET)
    (run / "summary.json").unlink()
    monkeypatch.setattr(*where, signalled)
    with signals.raising(), pytest.raises(Interrupted, match="SIGUSR1 at step 40; saved"):
        train.run(run, config(*SMALL), console=QUIET)
    assert not (run / "summary.json").exists()


def test_training_goes_on_when_nobody_reads_what_it_prints(tmp_path: Path) -> None:
    genlab = str(Path(sys.executable).with_name("genlab"))
    words = [*SMALL, "trainer.accelerator=cpu", f"outputs={tmp_path}"]
    line = f"{genlab} train {' '.join(words)} 2>&1 | head -1 >&2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("train/*/*/")
    assert (run / "summary.json").is_file()
    assert checkpoint.read(checkpoint.latest(run / "checkpoints"))["genlab"]["step"] == 40
