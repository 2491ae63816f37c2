"""``task=inpaint``: parts of test pictures, and what Langevin chains put into the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from genlab.commands.loaded import Loaded
from genlab.commands.tasks.common import Drawn, Task, chained, held_out
from genlab.commands.tasks.keep import keep_mask
from genlab.models.base import SamplesByChain


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.commands.tasks.Task`."""
    model, spec = loaded.model, loaded.spec
    assert isinstance(model, SamplesByChain)  # `TASK` says so
    keep = keep_mask(config["keep"], spec)
    x, _ = held_out(loaded, config, config["n"])
    keep = keep.to(x.device)
    generator = torch.Generator(x.device).manual_seed(config["seed"])
    path = model.path(len(x), frames=config["steps"], start=x, keep=keep, generator=generator)
    return chained(
        loaded,
        {"originals": x, "masked": path[0]},
        path,
        result="inpainted",
        note=f"test pictures, what is kept of them ({config['keep']}) beside noise, and after the chain",
    )


TASK = Task(lambda model: isinstance(model, SamplesByChain) and model.spec.is_image, run, frozenset({"keep", "steps"}))
