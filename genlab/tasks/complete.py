"""``task=complete``: a part of test pictures is kept, the rest is drawn by an autoregressive model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from genlab.evaluation.artefacts.grids import stacked
from genlab.models.capabilities import Autoregressive
from genlab.restore import Loaded
from genlab.tasks.drawn import Drawn, Task, bar, device, fitting, held_out, in_blocks, told
from genlab.tasks.keep import keep_mask


def is_prefix(mask: Tensor) -> bool:
    """Whether the kept pixels are the first ones, row by row."""
    flat = mask.flatten()
    return bool(flat[: int(flat.sum())].all())


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.tasks.Task`."""
    model, spec = loaded.model, loaded.spec
    assert isinstance(model, Autoregressive)  # `TASK` says so
    where = device(model)
    mask = keep_mask(config["keep"], spec)
    x, given = held_out(loaded, config, config["n"])

    def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        index = index.clamp_max(len(x) - 1)  # to fill the last block
        y = {name: value[index] for name, value in given.items()}
        done = model.complete(x[index], mask.to(where), generator=generator, progress=bar("complete"), **y)
        return {"done": done}

    done = in_blocks(len(x), draw, config=config, where=where)["done"]
    originals = x.cpu()
    assert spec.levels is not None
    count = fitting(config, len(x), each=3)
    first = originals[:count]
    shown = torch.where(mask, first.float(), (spec.levels - 1) / 2)
    conditional = (
        "each a draw from the exact conditional"
        if is_prefix(mask)
        else "pixel by pixel given all before it: a pixel does not know the kept ones that come after it"
    )
    arrays = {"originals": originals.numpy(), "keep": mask.numpy(), "completions": done.numpy()}
    note = f"test pictures, below each row what is kept, below that the completions, {conditional}"
    note += told(count, len(x))
    return Drawn(partial(stacked, [first, shown, done[:count]], spec), arrays, note)


TASK = Task(lambda model: isinstance(model, Autoregressive), run, frozenset({"keep"}))
