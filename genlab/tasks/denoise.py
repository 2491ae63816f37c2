"""``task=denoise``: test pictures with noise on them, and where Langevin chains go from there."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.evaluation.needs import pictures
from genlab.models.capabilities import SamplesByChain
from genlab.models.conditions import rows
from genlab.signatures.ranges import Frames, PositiveFloat
from genlab.tasks._chained import chained
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work


class Denoise(Task):
    """Test pictures, with noise on them, and after chains that start there.

    Args:
        noise: its standard deviation, white - black = 1.
        steps: frames of the chains' path in the arrays.
    """

    needs = (SamplesByChain, pictures)

    def __init__(self, *, noise: PositiveFloat = 0.3, steps: Frames = 8) -> None:
        self.noise = noise
        self.steps = steps

    def draw(self, work: Work) -> Drawn:
        """Originals, noisy ones, denoised ones, and the path between the two."""
        model, spec = work.model, work.spec
        assert isinstance(model, SamplesByChain)  # `needs` says so
        x, c = work.held_out(work.n)
        top = (spec.levels or 256) - 1

        def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
            index = index.clamp_max(len(x) - 1)  # to fill the last block
            clean = x[index]
            noise = torch.randn(clean.shape, generator=generator, device=x.device)
            noisy = (clean + self.noise * top * noise).round().clamp(0, top).to(spec.dtype)
            path = model.path(len(noisy), rows(c, index), frames=self.steps, start=noisy, generator=generator)
            return {"noisy": noisy, "path": path.transpose(0, 1)}

        drawn = work.in_blocks(len(x), draw)
        return chained(
            work,
            {"originals": x.cpu(), "noisy": drawn["noisy"]},
            drawn["path"].transpose(0, 1),
            result="denoised",
            note=f"test pictures, with noise of standard deviation {self.noise:g}, and after the chain",
        )
