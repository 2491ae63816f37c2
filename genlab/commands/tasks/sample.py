"""``task=sample``: draws from the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.commands.loaded import Loaded
from genlab.commands.tasks.common import Drawn, Task, bar, device, labels
from genlab.errors import ConfigError
from genlab.evaluation.draw import PLANE_PARTICLES, log_density
from genlab.evaluation.pictures import grid, plane
from genlab.models.base import (
    Autoregressive,
    DecodesLatents,
    ExactLikelihood,
    LikelihoodBound,
    Tempered,
)


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.commands.tasks.Task`."""
    model, spec, n = loaded.model, loaded.spec, config["n"]
    where = device(model)
    generator = torch.Generator(where).manual_seed(config["seed"])
    given = labels(loaded, config, n)
    heat = {"temperature": config["temperature"]} if isinstance(model, Tempered) else {}
    parts: dict[str, list[Tensor]] = {"samples": [], "means": [], "latents": []}
    for index in torch.arange(n, device=where).split(config["batch_size"]):
        y = {name: value[index] for name, value in given.items()}
        if isinstance(model, DecodesLatents):
            # the means and the samples of the same latents, so that the grid shows what the array holds
            state = generator.get_state()
            parts["samples"].append(model.sample(len(index), generator=generator, **y, **heat))
            again = torch.Generator(where)
            again.set_state(state)
            z = model.sample_latents(len(index), generator=again, **y, **heat)
            parts["latents"].append(z)
            parts["means"].append(model.decode(z, **y))
        elif isinstance(model, Autoregressive):
            drawn = model.sample(len(index), generator=generator, progress=bar("sample"), **y)
            parts["samples"].append(drawn)
        else:
            parts["samples"].append(model.sample(len(index), generator=generator, **y, **heat))
    arrays = {name: torch.cat(values).cpu().numpy() for name, values in parts.items() if values}
    arrays |= {name: value.cpu().numpy() for name, value in given.items()}
    samples = torch.from_numpy(arrays["samples"])
    if spec.is_image:
        shown = torch.from_numpy(arrays["means"]) if "means" in arrays else samples
        classes = spec.num_classes or 99
        columns = classes if given and config["label"] is None and classes <= 16 else None
        note = "the grid shows E[x | z], the array also draws x ~ p(x | z)" if "means" in arrays else "samples"
        note = f"samples at temperature {config['temperature']}" if heat else note
        return Drawn(grid(shown, spec, columns=columns), arrays, note)
    if spec.dim != 2:
        raise ConfigError(f"task=sample: no picture of {spec.dim}-dimensional vectors")
    density = getattr(loaded.dataset(root=None, trust=config["trust"]), "density", None)
    log_prob = None
    if isinstance(model, ExactLikelihood | LikelihoodBound) and not given:

        def log_prob(points: Tensor) -> Tensor:
            return log_density(model, points, seed=config["seed"], num_particles=PLANE_PARTICLES)

    name = "model density" if isinstance(model, ExactLikelihood) else f"model density (IS, K={PLANE_PARTICLES})"
    picture = plane(samples, truth=density, log_prob=log_prob, log_prob_name=name)
    return Drawn(picture, arrays, "samples beside the truth")


TASK = Task(lambda model: True, run)
