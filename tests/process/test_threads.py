"""As many threads as the work is worth and the machine has free; a resumed run keeps its own number."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from rich.console import Console

from genlab.commands import train
from genlab.process import threads
from genlab.storage import checkpoint

FREE = {"asked": None, "before": None, "work": math.inf, "processes": 1, "external": False}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the machine have these cores, of which others keep some busy."""

    def make(*, cores: int, load: float) -> None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(threads, "available", lambda: cores)
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        monkeypatch.setattr(threads, "busy", lambda: load)

    return make


@pytest.mark.parametrize(
    ("cores", "load", "given", "number"),
    [
        (8, 0.2, {}, 8),
        (8, 5.1, {}, 3),
        (2, 11.0, {}, 1),
        (8, 0.0, {"work": 1e6}, 1),
        (8, 0.0, {"processes": 4}, 2),
        (8, 7.0, {"processes": 4, "external": True}, 2),
        (8, 7.0, {"asked": 5, "before": 3}, 5),
        (8, 7.0, {"before": 3}, 3),
    ],
)
def test_the_number_follows_from_work_and_load(
    cores: int, load: float, given: dict[str, Any], number: int, machine: Callable
) -> None:
    machine(cores=cores, load=load)
    assert threads.choose(**{**FREE, **given})[0] == number


def test_the_environment_is_obeyed(machine: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(cores=8, load=0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    assert threads.choose(**FREE) == (6, "OMP_NUM_THREADS")


def test_a_busy_machine_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    looks = iter([(100.0, 1000.0, 0.0, 0.0), (400.0, 1400.0, 10.0, 5.0)])  # 3 of 4 cores, of which half of one is ours
    monkeypatch.setattr(threads, "_look", lambda: next(looks))
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    threads.prepare()
    assert threads.busy() == pytest.approx(2.5)


def test_weights_of_a_convolution_count_at_every_pixel() -> None:
    weights = dict(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, bias=False), torch.nn.Linear(4, 5)).named_parameters())
    assert threads.multiplications(weights, positions=64, batch=10) == 10 * (18 * 64 + 20 + 5)


def test_threads_wait_asleep_and_the_command_line_says_so_before_torch_comes() -> None:
    code = (
        "import os, sys; from genlab.cli import main as cli, verbs\n"
        "def look(*_): print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules); return 0\n"
        "cli.VERBS['train'] = verbs.Verb('', look)\n"
        "cli.main(['train'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=30)
    assert done.stdout == "PASSIVE False\n", done.stderr


def test_a_resumed_run_keeps_its_number(
    config: Callable, run_dir: Callable, machine: Callable, capsys: pytest.CaptureFixture
) -> None:
    run, small = run_dir("a"), ["data=toy2d", "data.num_train=900", "data.num_val=50", "data.num_test=50"]
    small += ["model.hidden=[4]", "optim.schedule=constant"]
    before = torch.get_num_threads()
    try:
        train.run(run, config(*small, "trainer.max_steps=2", "trainer.threads=2"), console=Console(quiet=True))
        assert checkpoint.read(checkpoint.latest(run / "checkpoints"))["genlab"]["threads"] == 2
        machine(cores=8, load=0.0)
        summary = train.run(
            run, config(*small, "trainer.max_steps=3", "trainer.threads=null"), console=Console(stderr=True)
        )
        assert summary["threads"] == torch.get_num_threads() == 2
        assert "threads  2 (as the run had before" in capsys.readouterr().err
    finally:
        torch.set_num_threads(before)
