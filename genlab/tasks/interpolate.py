"""``task=interpolate``: paths through the latent space."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch

from genlab.errors import DataError
from genlab.evaluation.artefacts.grids import grid
from genlab.evaluation.artefacts.latents import walk
from genlab.models.capabilities import DecodesLatents, EncodesLatents
from genlab.models.levels import LatentLevels, level_slice
from genlab.signatures.ranges import Frames, Positive
from genlab.tasks._levels import level_of
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import Work


class Interpolate(Task):
    """Paths through the latent space, between test examples or draws of the prior.

    Args:
        steps: examples per row.
        level: of a model with levels of latents the only one that moves, 1 the lowest; None: all do.
    """

    needs = (DecodesLatents,)
    needs_with: ClassVar = {"level": (LatentLevels,)}

    def __init__(self, *, steps: Frames = 8, level: Positive | None = None) -> None:
        self.steps = steps
        self.level = level

    def draw(self, work: Work) -> Drawn:
        """Latents along the paths, and what they decode to."""
        model, spec, steps = work.model, work.spec, self.steps
        assert isinstance(model, DecodesLatents)  # `needs` says so
        rows, moves = max(1, min(work.n, 16)), slice(None)
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
        if self.level is not None:
            assert isinstance(model, LatentLevels)  # `needs_with` says so
            moves = level_slice(model, level_of(model, self.level))
            note += f", of level {self.level} alone"
        path, means = walk(model, z, c, steps=steps, moves=moves)
        rows = len(z) // 2
        shown = work.fitting(rows, each=steps)
        note += told(shown, rows, " paths")
        arrays = {"latents": path.cpu().numpy(), "means": means.cpu().numpy()}
        return Drawn(partial(grid, means[: shown * steps], spec, columns=steps), arrays, note)
