"""``task=denoise``: test pictures with noise on them, and where Langevin chains go from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from genlab.commands.loaded import Loaded
from genlab.commands.tasks.common import Drawn, Task, chained, held_out
from genlab.models.base import SamplesByChain


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.commands.tasks.Task`."""
    model, spec = loaded.model, loaded.spec
    assert isinstance(model, SamplesByChain)  # `TASK` says so
    x, _ = held_out(loaded, config, config["n"])
    generator = torch.Generator(x.device).manual_seed(config["seed"])
    top = (spec.levels or 256) - 1
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    noisy = (x + config["noise"] * top * noise).round().clamp(0, top).to(spec.dtype)
    return chained(
        loaded,
        {"originals": x, "noisy": noisy},
        model.path(len(x), frames=config["steps"], start=noisy, generator=generator),
        result="denoised",
        note=f"test pictures, with noise of standard deviation {config['noise']:g}, and after the chain",
    )


TASK = Task(lambda model: isinstance(model, SamplesByChain) and model.spec.is_image, run, frozenset({"noise", "steps"}))
