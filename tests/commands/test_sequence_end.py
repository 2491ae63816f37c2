"""What the end of a run says of a sequence: the number per unit, and that of a model that knows frequencies alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from genlab.commands import train
from genlab.launch import worker


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Two tokens in turn."""
    np.save(tmp_path / "tokens.npy", np.arange(60 * 10).reshape(60, 10) % 2)
    return tmp_path / "tokens.npy"


@pytest.mark.parametrize(("steps", "lr"), [(25, 0.01), (1, 30)])
def test_the_end_of_a_run_has_the_number_per_unit_and_that_of_order_zero(
    steps: int, lr: float, tokens: Path, config: Callable, run_dir: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Path = run_dir("a")
    words = ["model=rnn", "model.width=4", "data=arrays", "data.kind=tokens", f"data.root={tokens}"]
    summary = train.run(
        run, config(*words, f"trainer.max_steps={steps}", f"optim.lr={lr}"), console=Console(quiet=True)
    )
    held = json.loads((run / "summary.json").read_text())
    assert held["test"]["rate"]["unit"] == "bits/token"
    assert held["test"]["rate"]["value"] == pytest.approx(held["test"]["value"] / 10 / np.log(2))
    assert held["baselines"]["order_0"]["value"] == pytest.approx(1, abs=0.01)
    assert "val/nll_bits_per_token" in (run / "metrics.csv").read_text().splitlines()[0]
    worker._report_training(run, summary, trust=[])
    lines = capsys.readouterr().out.splitlines()
    test = next(line for line in lines if line.startswith("test "))
    assert "nats per example" in test
    assert "bits/token (exact" in test
    assert any(line.split()[:3] == ["order_0", "=", "1.0000"] for line in lines)
    worse = held["test"]["rate"]["value"] > 1.1
    assert worse == (lr == 30)
    told = any(line.startswith("warnings") and "worse than a model that knows only how" in line for line in lines)
    assert told == worse
