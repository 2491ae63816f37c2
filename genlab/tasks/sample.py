"""``task=sample``: draws from the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.errors import ConfigError
from genlab.evaluation.artefacts.chains import animation, strip
from genlab.evaluation.artefacts.draw import plane_density
from genlab.evaluation.artefacts.figures import pairs
from genlab.evaluation.artefacts.grids import encoded, grid, plane
from genlab.models.capabilities import Autoregressive, DecodesLatents, SamplesByChain, Tempered, Truncated
from genlab.models.gan.implicit import ImplicitModel
from genlab.restore import Loaded
from genlab.tasks.drawn import BLOCK, Drawn, Task, bar, device, fitting, in_blocks, labels, told

TRAJECTORY_FRAMES = 20
"""Times at which ``trajectory=true`` looks at the chains."""


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.tasks.Task`."""
    model, spec, n = loaded.model, loaded.spec, config["n"]
    if config["trajectory"] and not isinstance(model, SamplesByChain):
        raise ConfigError(f"trajectory=true: {type(model).__name__} samples without a chain; model=ebm has one")
    where = device(model)
    given = labels(loaded, config, -(-n // BLOCK) * BLOCK)
    heat = {"temperature": config["temperature"]} if isinstance(model, Tempered) else {}
    if isinstance(model, Truncated):
        heat["truncation"] = config["truncation"]

    def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        y = {name: value[index] for name, value in given.items()}
        if config["trajectory"]:
            assert isinstance(model, SamplesByChain)
            path = model.path(len(index), frames=TRAJECTORY_FRAMES, generator=generator)
            return {"samples": path[-1], "trajectory": path.transpose(0, 1)}
        if isinstance(model, DecodesLatents):
            return _with_means(model, len(index), generator, {**y, **heat}, y)
        if isinstance(model, Autoregressive):
            return {"samples": model.sample(len(index), generator=generator, progress=bar("sample"), **y)}
        return {"samples": model.sample(len(index), generator=generator, **y, **heat)}

    drawn = in_blocks(n, draw, config=config, where=where)
    path = drawn.pop("trajectory").transpose(0, 1) if config["trajectory"] else None
    arrays = {name: value.numpy() for name, value in drawn.items()}
    arrays |= {name: value[:n].cpu().numpy() for name, value in given.items()}
    samples = torch.from_numpy(arrays["samples"])
    files: dict[str, Callable[[], bytes]] = {}
    shown = fitting(config, n)
    if path is not None:
        arrays["trajectory"] = path.numpy()
        path = path[:, :shown] if spec.is_image else path
        if spec.is_image or spec.dim == 2:
            files = {"strip.png": lambda: encoded(strip(path, spec)), "gif": partial(animation, path, spec)}
    if spec.is_image:
        means = "means" in arrays and not isinstance(model, ImplicitModel)  # whose sample is its mean, rounded
        drawn_now = torch.from_numpy(arrays["means"]) if means else samples
        classes = spec.num_classes or 99
        columns = classes if given and config["label"] is None and classes <= 16 else None
        note = "the grid shows E[x | z], the array also draws x ~ p(x | z)" if means else "samples"
        note = f"samples at temperature {config['temperature']}" if isinstance(model, Tempered) else note
        note = f"samples of latents up to {config['truncation']}" if config["truncation"] is not None else note
        shown -= shown % columns if columns and columns < shown < n else 0  # no row of classes is cut
        sheet = partial(grid, drawn_now[:shown], spec, columns=columns)
        return Drawn(sheet, arrays, f"{note}{told(shown, n)}", files)
    if spec.dim != 2:
        return Drawn(partial(pairs, {"samples": samples}), arrays, "samples, one dimension against another", files)

    def picture() -> np.ndarray:
        data = loaded.dataset(root=config["data"]["root"], trust=config["trust"])
        log_prob, name = (None, "") if given else plane_density(model, data, seed=config["seed"])
        return plane(samples, truth=data.density, log_prob=log_prob, log_prob_name=name)

    return Drawn(picture, arrays, "samples beside the truth", files)


def _with_means(
    model: DecodesLatents, n: int, generator: torch.Generator, settings: Mapping[str, Any], y: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Samples and the means of the same latents, so that the grid shows what the array holds."""
    again = torch.Generator(generator.device)
    again.set_state(generator.get_state())
    samples = model.sample(n, generator=generator, **settings)
    z = model.sample_latents(n, generator=again, **settings)
    return {"samples": samples, "means": model.decode(z, **y), "latents": z}


TASK = Task(lambda model: True, run, frozenset({"trajectory"}))
