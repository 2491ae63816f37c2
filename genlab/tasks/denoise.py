"""``task=denoise``: test pictures with noise on them, and where Langevin chains go from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.models.capabilities import SamplesByChain
from genlab.restore import Loaded
from genlab.tasks.drawn import Drawn, Task, chained, held_out, in_blocks


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.tasks.Task`."""
    model, spec = loaded.model, loaded.spec
    assert isinstance(model, SamplesByChain)  # `TASK` says so
    x, _ = held_out(loaded, config, config["n"])
    top = (spec.levels or 256) - 1

    def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        clean = x[index.clamp_max(len(x) - 1)]  # to fill the last block
        noise = torch.randn(clean.shape, generator=generator, device=x.device)
        noisy = (clean + config["noise"] * top * noise).round().clamp(0, top).to(spec.dtype)
        path = model.path(len(noisy), frames=config["steps"], start=noisy, generator=generator)
        return {"noisy": noisy, "path": path.transpose(0, 1)}

    drawn = in_blocks(len(x), draw, config=config, where=x.device)
    return chained(
        loaded,
        config,
        {"originals": x.cpu(), "noisy": drawn["noisy"]},
        drawn["path"].transpose(0, 1),
        result="denoised",
        note=f"test pictures, with noise of standard deviation {config['noise']:g}, and after the chain",
    )


TASK = Task(lambda model: isinstance(model, SamplesByChain) and model.spec.is_image, run, frozenset({"noise", "steps"}))
