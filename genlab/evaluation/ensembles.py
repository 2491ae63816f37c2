"""Forecasts of a model that is given past frames, a single one or an ensemble of draws, and persistence beside them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data.spaces import Video
from genlab.data.video.rain import rate_of
from genlab.models.capabilities import GenerativeModel
from genlab.models.forecaster import Forecaster
from genlab.ops.bars import Progress
from genlab.seeding import derive

BLOCK = 16
"""Examples that are foreseen together: a member depends on its number and its block's, and on no batch size."""


@dataclass(frozen=True)
class Forecasts:
    """What was foreseen, and what came, on the data's own scale.

    Attributes:
        space: of the frames to come.
        past: ``(N, P, C, H, W)``.
        truth: ``(N, F, C, H, W)``.
        members: ``(M, N, F, C, H, W)``; M = 1 of a model that makes one forecast.
    """

    space: Video
    past: Tensor
    truth: Tensor
    members: Tensor

    @property
    def persistence(self) -> Tensor:
        """The last known frame at all times, ``(1, N, F, C, H, W)``."""
        return self.past[:, -1:].expand_as(self.truth)[None]

    def mean(self, members: Tensor | None = None) -> Tensor:
        """The mean of all members as a rate or a brightness, ``(N, F, C, H, W) float``."""
        members = self.members if members is None else members
        total = torch.zeros(self.truth.shape)
        for each in members:
            total += measured(self.space, each)
        return total / len(members)

    def spread(self) -> Tensor:
        """The standard deviation of the members, likewise."""
        mean, total = self.mean(), torch.zeros(self.truth.shape)
        for each in self.members:
            total += (measured(self.space, each) - mean).square()
        return (total / len(self.members)).sqrt()


def measured(space: Video, x: Tensor) -> Tensor:
    """Values as they are measured, float: rain in mm/h, brightness from 0 to 1, real numbers as they are."""
    if space.levels is None:
        return x.float()
    if space.measure == "rain":
        return rate_of(x, space.levels)
    return x.float() / (space.levels - 1)


def unit(space: Video) -> str:
    """What `measured` values are in."""
    return "mm/h" if space.measure == "rain" else "white - black = 1" if space.levels is not None else "as the data"


def ahead(space: Video, frame: int) -> str:
    """How far frame 0, 1, ... lies ahead: "30 min" or "frame 6"."""
    return f"frame {frame + 1}" if space.minutes is None else f"{(frame + 1) * space.minutes:g} min"


@torch.no_grad()
def foreseen(
    model: GenerativeModel, past: Tensor, *, members: int, seed: int, progress: Progress | None = None
) -> Tensor:
    """Forecasts after ``past (N, P, C, H, W)``: ``(M, N, F, C, H, W)`` on the CPU.

    Args:
        model: in eval mode; given past frames.
        past: typed frames.
        members: M, of a model that draws; one that tells a single forecast makes one.
        seed: of the draws.
        progress: shows a bar.
    """
    where = next(model.parameters()).device
    blocks = past.split(BLOCK)
    found: list[Tensor] = []
    for number, c in enumerate(blocks if progress is None else progress(blocks, len(blocks))):
        c = c.to(where)
        if isinstance(model, Forecaster):
            found.append(model.forecast(c).float().cpu()[None])
            continue
        drawn = []
        for member in range(members):
            generator = torch.Generator(where).manual_seed(derive(seed, "forecast", number, member))
            drawn.append(model.sample(len(c), c, generator=generator).cpu())
        found.append(torch.stack(drawn))
    return torch.cat(found, 1)
