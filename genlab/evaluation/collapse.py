"""Whether what a model makes is nearly one and the same, whatever it is made from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.data.spaces import Dataset
from genlab.evaluation.artefacts.latents import device_of, given
from genlab.evaluation.translators import translated
from genlab.models.capabilities import GenerativeModel
from genlab.models.conditions import rows
from genlab.models.translating import Translator, TwoWayTranslator
from genlab.ops.eval_mode import evaluating

COLLAPSED = 0.05
"""Samples whose mean distance is less than this part of the data's are nearly one and the same."""

LOOKED_AT = 32
"""Samples that are compared with each other."""


def diversity(made: Tensor, real: Tensor) -> float:
    """Mean distance between two of ``made`` in units of that between two of ``real``, ``(B, ...)`` each, B > 1."""
    of_made, of_real = (torch.pdist(x[:LOOKED_AT].detach().flatten(1).float()).mean() for x in (made, real))
    return float(of_made / of_real.clamp_min(1e-12))


def message(name: str, value: float) -> str:
    """What there is to say of a diversity below `COLLAPSED`."""
    return f"{name} are nearly all the same: their mean distance is {value:.2%} of the data's"


@torch.no_grad()
def diversities(model: nn.Module, data: Dataset, *, seed: int) -> dict[str, float]:
    """By name, how diverse translations of test pictures are, or samples, beside the data; of one nothing is told."""
    made: dict[str, tuple[Tensor, Tensor]] = {}
    test = data.test
    if isinstance(model, Translator):
        assert test.x_b is not None
        there = translated(model, test.x[:LOOKED_AT], seed=seed)
        made["translations" if data.spec.layout == "paired" else "translations_b"] = (there, test.x_b)
        if isinstance(model, TwoWayTranslator):
            made["translations_a"] = (translated(model, test.x_b[:LOOKED_AT], back=True, seed=seed), test.x)
    elif isinstance(model, GenerativeModel):
        n = min(LOOKED_AT, len(test))
        with evaluating(model):
            generator = torch.Generator(device_of(model)).manual_seed(seed)
            c = rows(given(model, test), slice(n))
            made["samples"] = (model.sample(n, c, generator=generator).cpu(), test.x)
    return {name: diversity(ours, real) for name, (ours, real) in made.items() if min(len(ours), len(real)) > 1}
