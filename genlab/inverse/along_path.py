"""A model that denoises, as samplers of posteriors see it: in its own coordinates, with measurements of the unit scale.

The model's coordinates are ``x = (u - shift) / scale`` value by value, of examples u on the unit scale. So

    y = A u + noise eps = A shift + A diag(scale) x + noise eps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.inverse.observation import Observation
from genlab.inverse.operators import LinearOperator
from genlab.models.capabilities import GenerativeModel
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.paths import GaussianPath
from genlab.ops.random import normal
from genlab.samplers.process import Field

MOST, LEAST = 50.0, 0.01
"""``sigma / alpha`` where samplers begin, and before their last step: of what is left of the data at more noise, y says
next to nothing; and what is told of them at less, nobody sees."""

RHO = 7.0
"""Karras et al., 2022, equation 5."""


@dataclass(frozen=True)
class Affine:
    """``u = shift + scale x``, ``(1, *event)`` each."""

    shift: Tensor
    scale: Tensor

    def to_unit(self, x: Tensor) -> Tensor:
        """The model's coordinates, on the unit scale."""
        return self.shift + self.scale * x


def coordinates(model: SamplesAlongPath, *, like: Tensor) -> Affine:
    """The unit scale by the model's coordinates, which it says of black and white, or of 0 and 1."""
    spec = model.spec
    black = torch.zeros(1, *spec.event_shape, device=like.device, dtype=like.dtype)
    white = black + (1 if spec.levels is None else max(1, spec.levels - 1))
    first, last = model.from_data(black), model.from_data(white)
    scale = 1 / (last - first)
    return Affine(-first * scale, scale)


@dataclass(frozen=True)
class Task:
    """What is to be drawn, B examples with S samples of each in a row.

    Attributes:
        path: of the model.
        denoise: ``D(x, t)``, in the model's coordinates, with the conditions in it.
        affine: to the unit scale.
        observation: of every row, ``(B S, M)``.
        box: the least and the greatest value of an example in the model's coordinates; None: there is none.
        samples: S.
    """

    path: GaussianPath
    denoise: Field
    affine: Affine
    observation: Observation
    box: tuple[float, float] | None
    samples: int

    @property
    def operator(self) -> LinearOperator:
        """A."""
        return self.observation.operator

    def inside(self, clean: Tensor) -> Tensor:
        """Expected examples are between black and white, where there is such a thing."""
        return clean if self.box is None else clean.clamp(*self.box)

    def times(self, steps: int) -> Tensor:
        """``(steps + 1,) float64``, from `MOST` to 0, by what noise there is to the data: even in its root of `RHO`."""
        like = self.affine.scale.double()
        least, most = (-0.5 * self.path.ends(like=like)).exp().clamp(LEAST, MOST)
        roots = torch.linspace(1, 0, steps, dtype=torch.float64, device=like.device)
        ratio = (least ** (1 / RHO) + roots * (most ** (1 / RHO) - least ** (1 / RHO))) ** RHO
        return torch.cat([self.path.time_of(-2 * ratio.log()), roots.new_zeros(1)])

    def noise(self, generator: torch.Generator | None) -> Tensor:
        """Standard normal numbers like the rows' examples."""
        like = self.affine.scale
        return normal(len(self.observation), *like.shape[1:], like=like, generator=generator)

    def start(self, times: Tensor, generator: torch.Generator | None) -> Tensor:
        """What is there at the first time."""
        return self.path.sigma(times[0]).to(self.affine.scale) * self.noise(generator)

    def finished(self, x: Tensor) -> Tensor:
        """``(B S, *event)`` in the model's coordinates, as ``(B, S, *event)`` on the unit scale."""
        return self.affine.to_unit(x).unflatten(0, (-1, self.samples))


def task_of(model: SamplesAlongPath, observation: Observation, *, samples: int, c: Tensor | None) -> Task:
    """The task of a model and an observation."""
    repeated = observation.repeated(samples)
    like = next(model.parameters())
    affine = coordinates(model, like=like)
    ends = affine.scale.new_tensor([0.0, 1.0]).view(2, *(1,) * (affine.scale.ndim - 1))
    low, high = ((ends - affine.shift) / affine.scale).flatten(1).mean(1).tolist()
    process = model.process(None if c is None else c.repeat_interleave(samples, 0))
    box = None if model.spec.levels is None else (low, high)
    return Task(model.path, process.denoise, affine, repeated, box, samples)


def fits(model: GenerativeModel, observation: Observation) -> bool:
    """A model that denoises at every level."""
    return isinstance(model, SamplesAlongPath)
