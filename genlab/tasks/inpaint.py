"""``task=inpaint``: parts of test pictures, and what Langevin chains put into the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.models.capabilities import SamplesByChain
from genlab.restore import Loaded
from genlab.tasks.drawn import Drawn, Task, chained, held_out, in_blocks
from genlab.tasks.keep import keep_mask


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.tasks.Task`."""
    model, spec = loaded.model, loaded.spec
    assert isinstance(model, SamplesByChain)  # `TASK` says so
    keep = keep_mask(config["keep"], spec)
    x, _ = held_out(loaded, config, config["n"])
    keep = keep.to(x.device)

    def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        start = x[index.clamp_max(len(x) - 1)]  # to fill the last block
        path = model.path(len(start), frames=config["steps"], start=start, keep=keep, generator=generator)
        return {"path": path.transpose(0, 1)}

    path = in_blocks(len(x), draw, config=config, where=x.device)["path"].transpose(0, 1)
    return chained(
        loaded,
        config,
        {"originals": x.cpu(), "masked": path[0]},
        path,
        result="inpainted",
        note=f"test pictures, what is kept of them ({config['keep']}) beside noise, and after the chain",
    )


TASK = Task(lambda model: isinstance(model, SamplesByChain) and model.spec.is_image, run, frozenset({"keep", "steps"}))
