from __future__ import annotations

import os

# tiny networks: a second thread costs more than it brings, and bits must not depend on the machine's load; set here,
# before PyTorch is imported, it also holds for the processes that tests start
os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genlab.config.compose import compose

SMALL = [
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "callbacks.samples.n=4",
    "test.num_particles=2",
]


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the key that kept scores are signed with out of the user's own folder, in started processes too."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


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
