"""The standard pictures of a model: what a validation draws, from fixed seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from genlab.data.spec import Dataset
from genlab.evaluation import translation
from genlab.evaluation.pictures import grid, plane
from genlab.evaluation.validate import with_likelihood
from genlab.models.base import (
    ClassConditional,
    DecodesLatents,
    EncodesLatents,
    ExactLikelihood,
    GenerativeModel,
    LikelihoodBound,
    Translator,
)
from genlab.models.grid import GridNormalised

PLANE_SAMPLES = 4000
PLANE_PARTICLES = 100


def class_cycle(n: int, num_classes: int) -> Tensor:
    """Labels ``0, 1, 2, ..., 0, 1, ...``, ``(n,) int64``."""
    return torch.arange(n) % num_classes


def expected_samples(model: GenerativeModel, n: int, *, y: Tensor | None, generator: torch.Generator) -> Tensor:
    """``E[x | z]`` of prior draws z for a model that decodes; samples for the others; on the data's own scale."""
    labels = {} if y is None else {"y": y}
    if isinstance(model, DecodesLatents):
        return model.decode(model.sample_latents(n, generator=generator, **labels), **labels)
    return model.sample(n, generator=generator, **labels)


def alternate(above: Tensor, below: Tensor, columns: int) -> Tensor:
    """Rows of ``above`` and ``below`` in turn: ``(B, ...), (B, ...) -> (2 B, ...)``."""
    return translation.stacked([above, below], columns)


@torch.no_grad()
def log_density(model: GenerativeModel, points: Tensor, *, seed: int, num_particles: int) -> Tensor:
    """Log-density at ``(m, D)`` points, ``(m,)`` nats on the CPU: exact, or by importance sampling."""
    device = next(model.parameters()).device
    values = []
    generator = torch.Generator().manual_seed(seed)
    for chunk in points.to(device).split(1000):
        if isinstance(model, ExactLikelihood):
            values.append(model.log_prob(chunk))
        else:
            assert isinstance(model, LikelihoodBound)
            values.append(model.log_prob_bound(chunk, num_particles, generator=generator))
    return torch.cat(values).cpu()


def plane_density(model: GenerativeModel, data: Dataset, *, seed: int) -> tuple[Callable[[Tensor], Tensor] | None, str]:
    """``(m, 2) -> (m,)`` log-density in nats and what to call it; None where the model has no density."""
    known = with_likelihood(model, data)
    if known is None:
        return None, ""

    def log_prob(points: Tensor) -> Tensor:
        return log_density(known, points, seed=seed, num_particles=PLANE_PARTICLES)

    exact = isinstance(known, ExactLikelihood)
    how = " (on a grid)" if isinstance(known, GridNormalised) else "" if exact else f" (IS, K={PLANE_PARTICLES})"
    return log_prob, f"model density{how}"


@torch.no_grad()
def draw(model: nn.Module, data: Dataset, *, n: int, seed: int) -> dict[str, np.ndarray]:
    """Named pictures ``(H, W, 3) uint8``: samples, reconstructions; for points in the plane the densities too.

    Args:
        model: drawn in eval mode.
        data: its validation split is reconstructed, its density is the truth beside the model's.
        n: number of samples in a grid.
        seed: the same seed shows the same latents, so that pictures of successive steps compare.
    """
    if isinstance(model, Translator):
        return translation.pictures(model, data, n=n, seed=seed)
    if not isinstance(model, GenerativeModel):
        return {}
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    pictures = {}
    spec = data.spec
    conditional = isinstance(model, ClassConditional)
    if spec.is_image:
        y = class_cycle(n, spec.num_classes or 1).to(device) if conditional else None
        columns = spec.num_classes if conditional and (spec.num_classes or 99) <= 16 else None
        pictures["samples"] = grid(expected_samples(model, n, y=y, generator=generator), spec, columns=columns)
        if isinstance(model, EncodesLatents) and isinstance(model, DecodesLatents):
            x = data.val.x[:32].to(device)
            labels = {"y": data.val.y[:32].to(device)} if conditional and data.val.y is not None else {}
            again = model.decode(model.encode(x, **labels), **labels)
            pictures["reconstructions"] = grid(alternate(x, again, 8), spec, columns=8)
    elif spec.dim == 2 and not conditional:
        log_prob, name = plane_density(model, data, seed=seed)
        samples = model.sample(PLANE_SAMPLES, generator=generator)
        pictures["plane"] = plane(samples, truth=data.density, log_prob=log_prob, log_prob_name=name)
    model.train(training)
    return pictures
