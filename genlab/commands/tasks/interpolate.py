"""``task=interpolate``: paths through the latent space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.commands.loaded import Loaded
from genlab.commands.tasks.common import Drawn, Task, device, held_out, labels
from genlab.evaluation.pictures import grid
from genlab.models.base import DecodesLatents, EncodesLatents


def _slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Great-circle path from a to b, ``(n, d), (n, d), (s,) -> (n, s, d)``: stays where the prior has its mass."""
    length_a, length_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    angle = torch.acos(((a / length_a) * (b / length_b)).sum(-1, keepdim=True).clamp(-0.9999, 0.9999))
    angle, t = angle[:, None], t[None, :, None]
    direction = torch.sin((1 - t) * angle) * (a / length_a)[:, None] + torch.sin(t * angle) * (b / length_b)[:, None]
    return direction / torch.sin(angle) * ((1 - t) * length_a[:, None] + t * length_b[:, None])


def run(loaded: Loaded, config: Mapping[str, Any]) -> Drawn:
    """Draw it; see `genlab.commands.tasks.Task`."""
    model, spec, steps = loaded.model, loaded.spec, config["steps"]
    rows = max(1, min(config["n"], 16))
    t = torch.linspace(0, 1, steps, device=device(model))
    if isinstance(model, EncodesLatents):
        x, given = held_out(loaded, config, 2 * rows)
        z = model.encode(x, **given)
        given = {name: value[: len(x) // 2] for name, value in given.items()}
        note = "between pairs of test pictures, along great circles of the latent space"
    else:
        generator = torch.Generator(device(model)).manual_seed(config["seed"])
        given = labels(loaded, config, rows)
        assert isinstance(model, DecodesLatents)  # `TASK` says so
        z = model.sample_latents(2 * rows, generator=generator)
        note = "between pairs of prior draws, along great circles"
    half = len(z) // 2
    path = _slerp(z[:half], z[half : 2 * half], t)
    repeated = {name: value.repeat_interleave(steps) for name, value in given.items()}
    means = model.decode(path.flatten(0, 1), **repeated)  # type: ignore[operator]
    arrays = {"latents": path.cpu().numpy(), "means": means.cpu().numpy()}
    return Drawn(grid(means, spec, columns=steps), arrays, note)


TASK = Task(lambda model: model.spec.is_image and isinstance(model, DecodesLatents), run)
