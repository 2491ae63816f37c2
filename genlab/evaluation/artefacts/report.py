"""All the pictures that a model can have, by its type: for ``metric=pictures`` and for reports."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from genlab.bijectors import Chain
from genlab.data.dataset import Dataset, Split
from genlab.data.spaces import Image
from genlab.data.subset import subset
from genlab.evaluation.artefacts.chains import strip
from genlab.evaluation.artefacts.clouds import is_cloud
from genlab.evaluation.artefacts.draw import Artefact, Report, draw, in_turn, made
from genlab.evaluation.artefacts.figures import bits_map, grid_flow, latent_scatter
from genlab.evaluation.artefacts.grids import grid
from genlab.evaluation.artefacts.latents import device_of, encoded, given, walk
from genlab.models.capabilities import (
    DecodesLatents,
    EncodesLatents,
    GenerativeModel,
    ItemisedLikelihood,
    SamplesByChain,
)
from genlab.models.flow.flow import Flow
from genlab.ops.eval_mode import evaluating

CODES = 2000
"""Examples whose codes are scattered."""

PATHS, STEPS = 8, 10
"""Interpolations: paths, and points of each."""

COSTED = 16
"""Pictures whose pixels' costs are mapped."""

CHAINS_DRAWN = {True: 8, False: 2000}
"""Chains in a strip: examples one by one, points."""

LINES, POINTS = 15, 200
"""A grid: lines each way, and points of each."""

STAGES = 8
"""Panels in which a grid is shown on its way."""


@torch.no_grad()
def pictures(
    model: nn.Module, data: Dataset, *, seed: int, n: int = 64, split: str = "test", report: Report = None
) -> dict[str, Artefact]:
    """Named pictures ``(H, W, 3) uint8``, and files of samples; the same arguments give the same pixels.

    Args:
        model: as loaded; put into eval mode meanwhile.
        data: what it was trained on.
        seed: of samples, and of the examples that are chosen.
        n: samples in a grid.
        split: whose examples are reconstructed, encoded and costed.
        report: is told of each picture that cannot be drawn.

    Returns:
        Of ``samples``, ``reconstructions``, ``interpolations``, ``latents``, ``bits``, ``chain``; in the plane
        ``plane``, ``flow``, ``chain``; of a translator ``translations``, or ``a_to_b`` and ``b_to_a``: those that the
        model's type allows.
    """
    shown = data.split(split)
    if not isinstance(model, GenerativeModel):
        return draw(model, replace(data, test=shown), n=n, seed=seed, report=report)
    found = draw(model, replace(data, val=subset(shown, 32, seed=seed)), n=n, seed=seed, report=report)
    further = {
        name: partial(make, model, shown, seed) for name, (applies, make) in FURTHER.items() if applies(model, shown)
    }
    with evaluating(model):
        return {**found, **made(further, report=report)}


Applies = Callable[[GenerativeModel, Split], bool]
Make = Callable[[GenerativeModel, Split, int], np.ndarray]
"""``(model, examples, seed) -> picture``."""


def _interpolations(model: GenerativeModel, shown: Split, seed: int) -> np.ndarray:
    assert isinstance(model, DecodesLatents)
    if isinstance(model, EncodesLatents):
        ends = subset(shown, 2 * PATHS, seed=seed)
        c = given(model, ends)
        z = encoded(model, ends, batch_size=2 * PATHS).to(device_of(model), torch.get_default_dtype())
    else:
        c = in_turn(model, PATHS, shown)
        c = None if c is None else torch.cat([c, c])
        generator = torch.Generator(device_of(model)).manual_seed(seed)
        z = model.sample_latents(2 * PATHS, c, generator=generator)
    _, means = walk(model, z, c, steps=STEPS)
    return grid(means, model.spec, columns=STEPS)


def _latents(model: GenerativeModel, shown: Split, seed: int) -> np.ndarray:
    assert isinstance(model, EncodesLatents)
    chosen = subset(shown, CODES, seed=seed)
    codes = encoded(model, chosen, batch_size=100)
    told = "" if model.given is None else f", given their {model.given.kind}s"
    return latent_scatter(codes, chosen.y, title=f"codes of {len(chosen):,} examples{told}")


def _bits(model: GenerativeModel, shown: Split, seed: int) -> np.ndarray:
    assert isinstance(model, ItemisedLikelihood)
    chosen = subset(shown, COSTED, seed=seed)
    nats = model.log_prob_per_dim(chosen.x.to(device_of(model)), given(model, chosen))
    return bits_map(chosen.x, -nats.double() / math.log(2), model.spec)


def _chain(model: GenerativeModel, shown: Split, seed: int) -> np.ndarray:
    assert isinstance(model, SamplesByChain)
    generator = torch.Generator(device_of(model)).manual_seed(seed)
    n = CHAINS_DRAWN[not is_cloud(model.spec.space)]
    frames = model.path(n, in_turn(model, n, shown), frames=10, generator=generator)
    return strip(frames.cpu(), model.spec)


def _flow(model: GenerativeModel, shown: Split, seed: int) -> np.ndarray:
    assert isinstance(model, Flow)
    assert isinstance(model.bijector, Chain)
    cloud = model.sample_latents(2000, generator=torch.Generator(device_of(model)).manual_seed(seed))
    radius = cloud.norm(dim=1).quantile(0.99).item()
    lines = latent_grid(radius)
    both = torch.cat([lines.to(cloud), cloud])
    path = [stage.cpu() for stage in model.bijector.inverse_path(both)]
    outside = lines.norm(dim=1) > radius
    at = torch.linspace(0, len(path) - 1, min(STAGES, len(path))).round().long().tolist()
    stages = [path[i][: len(lines)].masked_fill(outside[:, None], math.nan) for i in at]
    titles = [
        "latents" if i == 0 else "data" if i == len(path) - 1 else f"after {i} of {len(path) - 1} layers" for i in at
    ]
    return grid_flow(stages, titles, lines=LINES, samples=[path[i][len(lines) :] for i in at])


def latent_grid(radius: float) -> Tensor:
    """Lines over the square of side ``2 radius``: ``LINES`` of equal ordinate, then as many of equal abscissa."""
    ticks, along = torch.linspace(-radius, radius, LINES), torch.linspace(-radius, radius, POINTS)
    y, x = torch.meshgrid(ticks, along, indexing="ij")
    return torch.cat([torch.stack([x, y], 2).flatten(0, 1), torch.stack([y, x], 2).flatten(0, 1)])


def _labelled(model: GenerativeModel, shown: Split) -> bool:
    return shown.y is not None or model.given is None


FURTHER: dict[str, tuple[Applies, Make]] = {
    "interpolations": (
        lambda model, shown: (
            not is_cloud(model.spec.space)
            and isinstance(model, DecodesLatents)
            and _labelled(model, shown)
            and (len(shown) > 1 or not isinstance(model, EncodesLatents))  # from one example to another
        ),
        _interpolations,
    ),
    "latents": (
        lambda model, shown: isinstance(model, EncodesLatents) and _labelled(model, shown),
        _latents,
    ),
    "bits": (
        lambda model, shown: (
            isinstance(model.spec.space, Image) and isinstance(model, ItemisedLikelihood) and _labelled(model, shown)
        ),
        _bits,
    ),
    "chain": (
        lambda model, shown: isinstance(model, SamplesByChain),
        _chain,
    ),
    "flow": (
        lambda model, shown: (
            isinstance(model, Flow)
            and model.given is None
            and model.spec.dim == 2
            and isinstance(model.bijector, Chain)
        ),
        _flow,
    ),
}
"""What `draw` does not: by name, which models have it, and how it is made."""
