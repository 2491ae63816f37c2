"""``task=traverse``: one latent at a time."""

from __future__ import annotations

from functools import partial

import torch

from genlab.evaluation.artefacts.grids import grid
from genlab.models.capabilities import DecodesLatents
from genlab.signatures.ranges import Frames
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import Work

TRAVERSE_RANGE = 2.5
"""Traversals move a latent from minus to plus this many prior standard deviations."""


class Traverse(Task):
    """One row per latent dimension, which moves while the others stay.

    Args:
        steps: examples per row.
    """

    needs = (DecodesLatents,)

    def __init__(self, *, steps: Frames = 8) -> None:
        self.steps = steps

    def draw(self, work: Work) -> Drawn:
        """Latents row by row, and what they decode to."""
        model, spec, steps = work.model, work.spec, self.steps
        assert isinstance(model, DecodesLatents)  # `needs` says so
        where = work.device
        dims = min(model.latent_dim, work.n)
        generator = torch.Generator(where).manual_seed(work.seed)
        c = work.conditions(1, label=work.label or 0)
        z = model.sample_latents(1, c, generator=generator).repeat(dims * steps, 1)
        values = torch.linspace(-TRAVERSE_RANGE, TRAVERSE_RANGE, steps, device=where)
        for dim in range(dims):
            z[dim * steps : (dim + 1) * steps, dim] = values
        means = model.decode(z, None if c is None else c.repeat_interleave(len(z), 0))
        arrays = {"latents": z.cpu().numpy(), "means": means.cpu().numpy()}
        note = f"one row per latent dimension, from -{TRAVERSE_RANGE} to {TRAVERSE_RANGE}"
        shown = work.fitting(dims, each=steps)
        note += told(shown, dims, " dimensions")
        return Drawn(partial(grid, means[: shown * steps], spec, columns=steps), arrays, note)
