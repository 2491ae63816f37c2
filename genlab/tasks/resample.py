"""``task=resample``: what the lower levels of latents decide."""

from __future__ import annotations

from functools import partial

import torch

from genlab.evaluation.artefacts.grids import grid
from genlab.models.levels import LatentLevels, level_slice
from genlab.seeding import derive
from genlab.signatures.ranges import Frames, Positive
from genlab.tasks._levels import level_of
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import Work


class Resample(Task):
    """Rows of draws that share their higher levels of latents, while the lower ones are drawn anew.

    Args:
        level: the highest that is drawn anew, 1 the lowest; None: of one draw, a row for each level, the lowest first.
        steps: examples per row.
    """

    needs = (LatentLevels,)

    def __init__(self, *, level: Positive | None = None, steps: Frames = 8) -> None:
        self.level = level
        self.steps = steps

    def draw(self, work: Work) -> Drawn:
        """Latents row by row, and what they decode to."""
        model, spec, steps = work.model, work.spec, self.steps
        assert isinstance(model, LatentLevels)  # `needs` says so
        levels = len(model.level_dims)
        if self.level is None:
            highest = list(range(1, levels + 1))
            note = "a row for each level, the lowest first: it and those below it are drawn anew, those above are kept"
        else:
            highest = [level_of(model, self.level)] * max(1, min(work.n, 16))
            note = f"in a row levels 1 to {self.level} are drawn anew, those above are kept"
        first = self._latents(work, model, 0, len(highest))
        own = work.conditions(1) if self.level is None else work.conditions(len(highest))
        c = None if own is None else own.expand(len(highest), *own.shape[1:]).repeat_interleave(steps, 0)
        z = (first[:1].expand_as(first) if self.level is None else first).repeat_interleave(steps, 0)
        anew = self._latents(work, model, 1, len(z))
        for row, level in enumerate(highest):
            lower = slice(0, level_slice(model, level).stop)
            z[row * steps + 1 : (row + 1) * steps, lower] = anew[row * steps + 1 : (row + 1) * steps, lower]
        means = torch.cat([model.decode(z[i], None if c is None else c[i]) for i in _parts(len(z), work.batch_size)])
        shown = work.fitting(len(highest), each=steps)
        note += told(shown, len(highest), " rows")
        arrays = {"latents": z.cpu().numpy(), "means": means.cpu().numpy()}
        return Drawn(partial(grid, means[: shown * steps], spec, columns=steps), arrays, note)

    @staticmethod
    def _latents(work: Work, model: LatentLevels, part: int, n: int) -> torch.Tensor:
        generator = torch.Generator(work.device).manual_seed(derive(work.seed, "resample", part))
        return model.sample_latents(n, work.conditions(n), generator=generator)


def _parts(n: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, n, size)]
