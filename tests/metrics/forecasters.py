"""Models whose forecasts are known, and examples of which they know more than a model may."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.data.spaces import Dataset, DataSpec, Split, Video
from genlab.models.capabilities import GenerativeModel
from genlab.models.forecaster import Forecaster

GREY = Video(2, 1, 12, 12, 17)
RAIN = Video(2, 1, 12, 12, 256, measure="rain", minutes=5.0)


class Oracle(Forecaster):
    """Tells the future, which lies in the past of these examples, plus a constant of the data's scale."""

    def __init__(self, spec: DataSpec, off: float = 0.0) -> None:
        super().__init__()
        self.spec, self.given, self.off = spec, spec.condition, nn.Parameter(torch.tensor(off))

    def forecast(self, c: Tensor) -> Tensor:
        return c[:, :2].float() + self.off

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        raise AssertionError("a forecaster is not drawn from")


class Uniform(GenerativeModel):
    """Draws whatever the past is."""

    def __init__(self, spec: DataSpec, levels: int) -> None:
        super().__init__()
        self.spec, self.given, self.levels = spec, spec.condition, levels
        self.weight = nn.Parameter(torch.zeros(()))

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        assert c is not None
        return torch.randint(self.levels, (n, *self.spec.event_shape), generator=generator, dtype=torch.uint8)


def data_of(space: Video, n: int = 30) -> Dataset:
    """Examples whose future is their first two past frames, and whose last past frame is another."""
    g = torch.Generator().manual_seed(0)
    x = torch.randint(space.levels, (n, *space.shape), generator=g, dtype=torch.uint8)
    last = torch.randint(space.levels, (n, 1, *space.shape[1:]), generator=g, dtype=torch.uint8)
    split = Split(x, c=torch.cat([x, last], 1))
    past = Video(3, *space.shape[1:], space.levels, measure=space.measure, minutes=space.minutes)
    return Dataset("clips", DataSpec(space=space, condition=past), split, split, split)
