"""``task=reconstruct``: test pictures and what the model makes of their latents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from genlab.commands.loaded import Loaded
from genlab.commands.tasks.common import Drawn, Task, held_out
from genlab.evaluation.pictures import stacked
from genlab.models.base import DecodesLatents, EncodesLatents, GenerativeModel


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.commands.tasks.Task`."""
    x, given = held_out(loaded, config, config["n"])
    model, parts = loaded.model, []
    assert isinstance(model, DecodesLatents)  # `TASK` says so
    assert isinstance(model, EncodesLatents)
    for index in torch.arange(len(x), device=x.device).split(config["batch_size"]):
        y = {name: value[index] for name, value in given.items()}
        parts.append(model.decode(model.encode(x[index], **y), **y).cpu())
    again, x = torch.cat(parts), x.cpu()
    arrays = {"originals": x.numpy(), "reconstructions": again.numpy()}
    sheet = partial(stacked, [x, again], loaded.spec)
    return Drawn(sheet, arrays, "test pictures, and below each row its reconstruction E[x | z]")


def _can(model: GenerativeModel) -> bool:
    return model.spec.is_image and isinstance(model, DecodesLatents) and isinstance(model, EncodesLatents)


TASK = Task(_can, run)
