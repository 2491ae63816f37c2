"""What an energy says of data, of the model's own samples and of noise: it ranks, and gives no likelihood."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genlab.data.spaces import Dataset, DataSpec
from genlab.evaluation.artefacts.latents import given
from genlab.evaluation.statistics.detect import auroc
from genlab.models.capabilities import UnnormalisedDensity
from genlab.models.conditions import rows

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
    c = given(model, data.test)
    few_c = rows(c, slice(min(n, CHAINS, len(data.test))))
    few = min(n, CHAINS) if c is None else min(n, CHAINS, len(data.test))
    sources: dict[str, Callable[[], Tensor]] = {
        "data": lambda: data.test.x[:n],
        "samples": lambda: model.sample(few, few_c, generator=generator),
        "noise": lambda: noise(data.spec, data.test.x, n, generator=torch.Generator().manual_seed(seed)),
    }
    found = {name: _energies(model, draw().to(device), c) for name, draw in sources.items()}
    model.train(training)
    result = {
        name: {"mean": value.mean().item(), "std": value.std(correction=0).item(), "n": len(value)}
        for name, value in found.items()
    }
    below = auroc(found["data"], found["noise"])
    single = min(len(found["data"]), len(found["noise"])) < 2  # of one nothing is known but that 1/2 is the most
    error = 0.5 if single else below.standard_error
    return {**result, "data_below_noise": {"probability": below.value, "standard_error": error}}


def _energies(model: UnnormalisedDensity, x: Tensor, c: Tensor | None) -> Tensor:
    """``E(x)``, ``(n,) float64`` on the CPU; conditions ``c`` in turn."""
    parts = []
    for index in torch.arange(len(x), device=x.device).split(CHUNK):
        parts.append(model.energy(x[index], None if c is None else c[index % len(c)]).double().cpu())
    return torch.cat(parts)
