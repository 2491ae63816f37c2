"""``task=interpolate``: paths through the latent space."""

from __future__ import annotations

from functools import partial

import torch

from genlab.errors import DataError
from genlab.evaluation.artefacts.grids import grid
from genlab.evaluation.artefacts.latents import walk
from genlab.models.capabilities import DecodesLatents, EncodesLatents
from genlab.signatures.ranges import Frames
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import Work


class Interpolate(Task):
    """Paths through the latent space, between test examples or draws of the prior.

    Args:
        steps: examples per row.
    """

    needs = (DecodesLatents,)

    def __init__(self, *, steps: Frames = 8) -> None:
        self.steps = steps

    def draw(self, work: Work) -> Drawn:
        """Latents along the paths, and what they decode to."""
        model, spec, steps = work.model, work.spec, self.steps
        assert isinstance(model, DecodesLatents)  # `needs` says so
        rows = max(1, min(work.n, 16))
        if isinstance(model, EncodesLatents):
            x, c = work.held_out(2 * rows)
            if len(x) < 2:
                raise DataError("task=interpolate goes from one test picture to another, and there is only one")
            z = model.encode(x, c)
            note = "between pairs of test examples, along great circles of the latent space"
        else:
            generator = torch.Generator(work.device).manual_seed(work.seed)
            own = work.conditions(rows)
            c = None if own is None else torch.cat([own, own])
            z = model.sample_latents(2 * rows, c, generator=generator)
            note = "between pairs of prior draws, along great circles"
        path, means = walk(model, z, c, steps=steps)
        rows = len(z) // 2
        shown = work.fitting(rows, each=steps)
        note += told(shown, rows, " paths")
        arrays = {"latents": path.cpu().numpy(), "means": means.cpu().numpy()}
        return Drawn(partial(grid, means[: shown * steps], spec, columns=steps), arrays, note)
