"""What an energy says of data, of the model's own samples and of noise: it ranks, and gives no likelihood."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genlab.data.spaces import Dataset, DataSpec
from genlab.evaluation.statistics.detect import auroc
from genlab.models.capabilities import UnnormalisedDensity

ENERGIES = 1000
"""Examples of each kind whose energies a summary describes."""

CHUNK = 256
CHAINS = 128
"""Samples at most: a chain costs hundreds of times what an energy does."""


def noise(spec: DataSpec, data: Tensor, n: int, *, generator: torch.Generator) -> Tensor:
    """``n`` examples of uniform noise, typed like the data: all levels alike, or over the extent of ``data``."""
    if spec.levels is not None:
        return torch.randint(spec.levels, (n, *spec.event_shape), generator=generator, dtype=spec.dtype)
    low, high = data.amin(0), data.amax(0)
    return low + (high - low) * torch.rand(n, *spec.event_shape, generator=generator)


@torch.no_grad()
def energies(model: UnnormalisedDensity, data: Dataset, *, n: int, seed: int) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of the energies of test data, samples and uniform noise, ``n`` of each at most.

    Of samples there are `CHAINS` at most. Also ``data_below_noise``: the probability that an example has a lower energy
    than noise has, equal ones by half (1/2 is chance), with its standard error.
    """
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    sources: dict[str, Callable[[int], Tensor]] = {
        "data": lambda size: data.test.x[:size],
        "samples": lambda size: model.sample(min(size, CHAINS), generator=generator),
        "noise": lambda size: noise(data.spec, data.test.x, size, generator=torch.Generator().manual_seed(seed)),
    }
    found = {
        name: torch.cat([model.energy(part.to(device)).double().cpu() for part in draw(n).split(CHUNK)])
        for name, draw in sources.items()
    }
    model.train(training)
    result = {
        name: {"mean": value.mean().item(), "std": value.std(correction=0).item(), "n": len(value)}
        for name, value in found.items()
    }
    below = auroc(found["data"], found["noise"])
    few = min(len(found["data"]), len(found["noise"])) < 2  # of one nothing is known but that 1/2 is the most
    error = 0.5 if few else below.standard_error
    return {**result, "data_below_noise": {"probability": below.value, "standard_error": error}}
