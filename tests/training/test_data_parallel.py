"""Two processes take the steps of one process with twice the batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training import data_parallel


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vae", "vae, accumulating", "pixelcnn", "realnvp", "realnvp, batch", "gan"])
def test_two_processes_equal_one_with_twice_the_batch(model: str, tmp_path: Path) -> None:
    """With the noise of the one batch, of which each draws its part."""
    there = tmp_path / "two.pt"
    script, root = Path(data_parallel.__file__), Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script), model, "2", str(there)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = data_parallel.run(model, 1), torch.load(there, weights_only=True)
    assert one["losses"].shape[0] == data_parallel.STEPS
    torch.testing.assert_close(two["losses"], one["losses"], rtol=1e-5, atol=1e-5)
    start = data_parallel.module(model)[0].state_dict()
    assert one["weights"].keys() == two["weights"].keys()
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, rtol=1e-5, atol=1e-5, msg=name)
    moved = [name for name, value in one["weights"].items() if not torch.allclose(value, start[name], atol=1e-3)]
    assert moved
