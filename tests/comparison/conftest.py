from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genlab.comparison.recorded import Run


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    """``run("vae", seed=1, nll=90.0)`` makes a scored run of digits, as its directory and its metrics would."""

    def make(
        name: str,
        *,
        seed: int = 0,
        nll: float | None = None,
        kind: str = "exact",
        particles: int | None = None,
        conditional: bool = False,
        standard_error: float = 0.5,
        split: str = "test",
        data: dict[str, Any] | None = None,
        levels: int | None = 17,
        lr: float = 0.001,
        **others: Any,
    ) -> Run:
        node = {"_target_": "genlab.data.digits", "batch_size": 64} if data is None else data
        config = {"name": f"{name}-digits", "seed": seed, "data": node, "optim": {"lr": lr}}
        record = {
            **{"metric": "nll", "value": nll, "unit": "nats per example", "kind": kind, "n": 300, "split": split},
            **{"standard_error": standard_error, "num_particles": particles, "conditional": conditional},
        }
        facts = {"step": 100, "parameters": 5, "dim": 64, "levels": levels}
        given: dict[str, Any] = {
            "facts": facts,
            "status": "finished",
            "seconds": 10.0,
            "command": f"genlab train {name}",
        }
        given["records"] = {} if nll is None else {"nll": [record]}
        given["lacks"] = {} if nll is not None else {"nll": "needs a likelihood"}
        return Run(name, tmp_path / f"{name}-{seed}", config, **{**given, **others})

    return make


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A PNG."""
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)).save(buffer, format="PNG")
    path = tmp_path / "samples.png"
    path.write_bytes(buffer.getvalue())
    return path
