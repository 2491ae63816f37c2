"""``task=interpolate``: paths through the latent space."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from genlab.errors import DataError
from genlab.evaluation.artefacts.grids import grid
from genlab.evaluation.artefacts.latents import walk
from genlab.models.capabilities import DecodesLatents, EncodesLatents
from genlab.restore import Loaded
from genlab.tasks.drawn import Drawn, Task, device, fitting, held_out, labels, told


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.tasks.Task`."""
    model, spec, steps = loaded.model, loaded.spec, config["steps"]
    rows = max(1, min(config["n"], 16))
    if isinstance(model, EncodesLatents):
        x, given = held_out(loaded, config, 2 * rows)
        if len(x) < 2:
            raise DataError("task=interpolate goes from one test picture to another, and there is only one")
        z = model.encode(x, **given)
        note = "between pairs of test pictures, along great circles of the latent space"
    else:
        generator = torch.Generator(device(model)).manual_seed(config["seed"])
        given = {name: value.repeat(2) for name, value in labels(loaded, config, rows).items()}
        assert isinstance(model, DecodesLatents)  # `TASK` says so
        z = model.sample_latents(2 * rows, generator=generator, **given)
        note = "between pairs of prior draws, along great circles"
    path, means = walk(model, z, steps=steps, given=given)  # type: ignore[arg-type]
    rows = len(z) // 2
    shown = fitting(config, rows, each=steps)
    note += told(shown, rows, " paths")
    arrays = {"latents": path.cpu().numpy(), "means": means.cpu().numpy()}
    return Drawn(partial(grid, means[: shown * steps], spec, columns=steps), arrays, note)


TASK = Task(lambda model: model.spec.is_image and isinstance(model, DecodesLatents), run, frozenset({"steps"}))
