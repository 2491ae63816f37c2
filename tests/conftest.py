from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab.compose import compose

SMALL = [
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "callbacks.samples.n=4",
    "test.num_particles=2",
]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # tiny networks: a second thread costs more than it brings, and bits must not depend on the machine's load
    torch.set_num_threads(1)


@pytest.fixture
def config() -> Callable[..., dict[str, Any]]:
    """``config("model=vae", "trainer.max_steps=3")`` composes and validates a small training config."""

    def make(*overrides: str) -> dict[str, Any]:
        composed = compose("train", [*SMALL, *overrides])
        assert composed is not None
        return composed.config

    return make


@pytest.fixture
def run_dir(tmp_path: Path) -> Callable[[str], Path]:
    """``run_dir("a")`` makes an empty run directory."""

    def make(name: str) -> Path:
        path = tmp_path / name
        for sub in ("checkpoints", "samples"):
            (path / sub).mkdir(parents=True)
        return path

    return make
