"""Models that sample by following their path from noise back to data, with any of the samplers."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.models.denoising import Denoiser
from genlab.ops.eval_mode import evaluating
from genlab.ops.random import Generators, normal
from genlab.samplers import ALONG_PATH, Process, SamplerName
from genlab.samplers.process import Observer


class SamplesAlongPath(Denoiser):
    """Samples in steps along its path; each step can be watched.

    Attributes:
        steps: how many, where nobody says it.
        sampler: which, where nobody says it.
    """

    steps: int
    sampler: SamplerName

    def times(self, steps: int) -> Tensor:
        """Where along the path the steps begin and end: ``(steps + 1,) float64``, from 1 (noise) to 0."""
        return torch.linspace(1, 0, steps + 1, dtype=torch.float64)

    def process(self, c: Tensor | None, *, guidance: float = 1.0) -> Process:
        """What a sampler is given, with the condition of each example."""

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            return self.denoise(x, t, c, guidance=guidance)

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            return self.velocity(x, t, c, guidance=guidance)

        return Process(self.path, denoise, velocity)

    def noise_at_start(self, n: int, *, generator: Generators) -> Tensor:
        """``(n, *event_shape)`` draws of what the path ends in."""
        like = next(self.parameters())
        one = torch.ones((), device=like.device, dtype=like.dtype)
        return self.path.sigma(one) * normal(n, *self.spec.event_shape, like=like, generator=generator)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        steps: int | None = None,
        sampler: SamplerName | None = None,
        guidance: float = 1.0,
        generator: Generators = None,
    ) -> Tensor:
        """``n`` draws.

        Args:
            n: how many.
            c: the condition of each.
            steps: of the sampler; None: the model's own.
            sampler: its name; None: the model's own.
            guidance: 0 is the unconditional model, 1 the conditional, more exaggerates.
            generator: of all random numbers, or one for each draw.
        """
        return self.to_data(self._follow(n, c, steps, sampler, guidance, generator))

    @torch.no_grad()
    def trajectory(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        frames: int,
        steps: int | None = None,
        sampler: SamplerName | None = None,
        guidance: float = 1.0,
        generator: Generators = None,
    ) -> Tensor:
        """The draws of `sample` on their way, at ``frames`` equally spaced steps: ``(frames, n, *event_shape)``.

        The first is the noise and the last the draw; where there are fewer steps, some are there more than once.
        """
        steps = self.steps if steps is None else steps
        seen: dict[int, list[int]] = {}
        for frame, k in enumerate(torch.linspace(0, steps, frames).round().int().tolist()):
            seen.setdefault(k, []).append(frame)
        kept: dict[int, Tensor] = {}

        def observe(k: int, x: Tensor) -> None:
            if k in seen:
                kept[k] = self.to_data(x)

        self._follow(n, c, steps, sampler, guidance, generator, observe=observe)
        return torch.stack([kept[k] for k, times in seen.items() for _ in times])

    def _follow(
        self,
        n: int,
        c: Tensor | None,
        steps: int | None,
        sampler: SamplerName | None,
        guidance: float,
        generator: Generators,
        observe: Observer | None = None,
    ) -> Tensor:
        """The states at time 0, in the model's coordinates; ``observe`` also sees the first ones, as step 0."""
        run = ALONG_PATH[self.sampler if sampler is None else sampler].run
        process = self.process(c, guidance=guidance)
        with evaluating(self):
            x = self.noise_at_start(n, generator=generator)
            if observe is not None:
                observe(0, x)
            times = self.times(self.steps if steps is None else steps).to(x.device)
            return run(process, x, times, generator=generator, observe=observe)
