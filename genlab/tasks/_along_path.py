"""Drawing along a path of noise: in how many steps, by which sampler, and how much the condition counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.models.denoising import Denoiser
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.samplers import ALONG_PATH, SamplerName

FRAMES = 20
"""Times at which ``trajectory=true`` looks at a draw, its noise and its end among them."""


@dataclass(frozen=True)
class AlongPath:
    """What ``genlab sample`` may ask of a model that samples along a path; see `genlab.tasks.sample.Sample`."""

    steps: int | None = None
    sampler: SamplerName | None = None
    guidance: float = 1.0

    def draw(
        self,
        model: SamplesAlongPath,
        n: int,
        c: Tensor | None,
        *,
        trajectory: bool,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """``samples`` and, if it is asked for, their ``trajectory``, ``(n, frames, *event_shape)``."""
        if not trajectory:
            found = model.sample(
                n, c, steps=self.steps, sampler=self.sampler, guidance=self.guidance, generator=generator
            )
            return {"samples": found}
        path = model.trajectory(
            n,
            c,
            frames=FRAMES,
            steps=self.steps,
            sampler=self.sampler,
            guidance=self.guidance,
            generator=generator,
        )
        return {"samples": path[-1], "trajectory": path.transpose(0, 1)}

    def note(self, model: SamplesAlongPath) -> str:
        """How they are drawn."""
        steps, sampler = self.steps or model.steps, self.sampler or model.sampler
        evaluations = steps * ALONG_PATH[sampler].evaluations
        strong = "" if self.guidance == 1 else f" at guidance {self.guidance:g}"
        plural = "s" if steps != 1 else ""
        return f"samples{strong} by {sampler} in {steps} step{plural}, {evaluations} evaluations"


def guidable(trained: object) -> str | None:
    """A condition that training has hidden at times."""
    model = getattr(trained, "model", None)
    known = isinstance(model, Denoiser) and model.given is not None and model.null_dropout > 0
    return None if known else "a model that knows its condition and none (model=flow_matching model.condition=label)"
