"""``task=traverse``: one latent at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from genlab.evaluation.artefacts.grids import grid
from genlab.models.capabilities import DecodesLatents
from genlab.restore import Loaded
from genlab.tasks.drawn import Drawn, Task, device, fitting, labels, told

TRAVERSE_RANGE = 2.5
"""Traversals move a latent from minus to plus this many prior standard deviations."""


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.tasks.Task`."""
    model, spec, steps = loaded.model, loaded.spec, config["steps"]
    assert isinstance(model, DecodesLatents)
    where = device(model)
    dims = min(model.latent_dim, config["n"])
    generator = torch.Generator(where).manual_seed(config["seed"])
    given = labels(loaded, {**config, "label": config["label"] or 0}, 1)
    z = model.sample_latents(1, generator=generator, **given).repeat(dims * steps, 1)
    values = torch.linspace(-TRAVERSE_RANGE, TRAVERSE_RANGE, steps, device=where)
    for dim in range(dims):
        z[dim * steps : (dim + 1) * steps, dim] = values
    repeated = {name: value.repeat(len(z)) for name, value in given.items()}
    means = model.decode(z, **repeated)
    arrays = {"latents": z.cpu().numpy(), "means": means.cpu().numpy()}
    note = f"one row per latent dimension, from -{TRAVERSE_RANGE} to {TRAVERSE_RANGE}"
    shown = fitting(config, dims, each=steps)
    note += told(shown, dims, " dimensions")
    return Drawn(partial(grid, means[: shown * steps], spec, columns=steps), arrays, note)


TASK = Task(lambda model: model.spec.is_image and isinstance(model, DecodesLatents), run, frozenset({"steps"}))
