"""``task=sample``: draws from the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.commands.loaded import Loaded
from genlab.commands.tasks.common import Drawn, Task, device, labels
from genlab.errors import ConfigError
from genlab.evaluation.chains import animation, strip
from genlab.evaluation.draw import plane_density
from genlab.evaluation.pictures import encoded, grid, plane
from genlab.models.base import DecodesLatents, SamplesByChain

TRAJECTORY_FRAMES = 20
"""Times at which ``trajectory=true`` looks at the chains."""


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.commands.tasks.Task`."""
    model, spec, n = loaded.model, loaded.spec, config["n"]
    where = device(model)
    generator = torch.Generator(where).manual_seed(config["seed"])
    given = labels(loaded, config, n)
    parts: dict[str, list[Tensor]] = {"samples": [], "means": [], "latents": []}
    paths: list[Tensor] = []
    for index in torch.arange(n, device=where).split(config["batch_size"]):
        y = {name: value[index] for name, value in given.items()}
        if config["trajectory"]:
            if not isinstance(model, SamplesByChain):
                raise ConfigError(f"trajectory=true: {type(model).__name__} samples without a chain; model=ebm has one")
            paths.append(model.path(len(index), frames=TRAJECTORY_FRAMES, generator=generator).cpu())
            parts["samples"].append(paths[-1][-1])
        elif isinstance(model, DecodesLatents):
            # the means and the samples of the same latents, so that the grid shows what the array holds
            state = generator.get_state()
            parts["samples"].append(model.sample(len(index), generator=generator, **y))
            again = torch.Generator(where)
            again.set_state(state)
            z = model.sample_latents(len(index), generator=again, **y)
            parts["latents"].append(z)
            parts["means"].append(model.decode(z, **y))
        else:
            parts["samples"].append(model.sample(len(index), generator=generator, **y))
    arrays = {name: torch.cat(values).cpu().numpy() for name, values in parts.items() if values}
    arrays |= {name: value.cpu().numpy() for name, value in given.items()}
    samples = torch.from_numpy(arrays["samples"])
    files = {}
    if paths:
        path = torch.cat(paths, 1)
        arrays["trajectory"] = path.numpy()
        files = {"strip.png": encoded(strip(path, spec)), "gif": animation(path, spec)}
    if spec.is_image:
        shown = torch.from_numpy(arrays["means"]) if "means" in arrays else samples
        classes = spec.num_classes or 99
        columns = classes if given and config["label"] is None and classes <= 16 else None
        note = "the grid shows E[x | z], the array also draws x ~ p(x | z)" if "means" in arrays else "samples"
        return Drawn(grid(shown, spec, columns=columns), arrays, note, files)
    if spec.dim != 2:
        raise ConfigError(f"task=sample: no picture of {spec.dim}-dimensional vectors")
    data = loaded.dataset(root=None, trust=config["trust"])
    log_prob, name = (None, "") if given else plane_density(model, data, seed=config["seed"])
    picture = plane(samples, truth=data.density, log_prob=log_prob, log_prob_name=name)
    return Drawn(picture, arrays, "samples beside the truth", files)


TASK = Task(lambda model: True, run)
