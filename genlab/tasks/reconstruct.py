"""``task=reconstruct``: test pictures and what the model makes of their latents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from genlab.evaluation.artefacts.grids import stacked
from genlab.models.capabilities import DecodesLatents, EncodesLatents, GenerativeModel
from genlab.restore import Loaded
from genlab.tasks.drawn import Drawn, Task, fitting, held_out, told
from genlab.tasks.store import Stored


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.tasks.Task`."""
    x, given = held_out(loaded, config, config["n"])
    model, n = loaded.model, len(x)
    again: Stored | None = None
    assert isinstance(model, DecodesLatents)  # `TASK` says so
    assert isinstance(model, EncodesLatents)
    for index in torch.arange(len(x), device=x.device).split(config["batch_size"]):
        y = {name: value[index] for name, value in given.items()}
        part = model.decode(model.encode(x[index], **y), **y)
        again = again or Stored((n, *part.shape[1:]), part.dtype, folder=config["folder"])
        again.write(int(index[0]), part)
    assert again is not None
    x, shown = x.cpu(), fitting(config, n, each=2)
    arrays = {"originals": x.numpy(), "reconstructions": again.tensor.numpy()}
    sheet = partial(stacked, [x[:shown], again.tensor[:shown]], loaded.spec)
    return Drawn(sheet, arrays, f"test pictures, and below each row its reconstruction E[x | z]{told(shown, n)}")


def _can(model: GenerativeModel) -> bool:
    return model.spec.is_image and isinstance(model, DecodesLatents) and isinstance(model, EncodesLatents)


TASK = Task(_can, run)
