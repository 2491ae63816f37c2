"""``metric=kl``, ``reverse_kl``, ``js``, ``tv``: how far a model is from a toy density that is known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from genlab.commands.loaded import Loaded
from genlab.commands.metrics.common import Metric, Subject, number_of_samples, record, samples
from genlab.data.densities import Density
from genlab.data.toy2d import DENSITIES
from genlab.evaluation import divergences
from genlab.evaluation.divergences import Grid, Samples
from genlab.evaluation.draw import log_density
from genlab.evaluation.estimate import Estimate
from genlab.evaluation.pictures import mesh
from genlab.evaluation.record import Record
from genlab.models.base import ClassConditional, ExactLikelihood, LikelihoodBound
from genlab.models.grid import GridNormalised, extent
from genlab.seeding import derive

MARGIN = 0.25
"""The grid goes beyond the training data by this part of their extent."""

NEAREST = 5
"""Neighbours that tell a divergence with a logarithm: few, for little bias."""


def density_of(loaded: Loaded) -> Density | None:
    """The true density of the data that a checkpoint was trained on, where its config tells that there is one."""
    data = loaded.config["data"]
    return DENSITIES[data["name"]] if data["_target_"] == "genlab.data.toy2d" else None


def no_density(loaded: Loaded) -> str | None:
    """What a checkpoint lacks for these metrics."""
    return None if density_of(loaded) is not None else "a known density (data=toy2d)"


def _divergence(
    name: str,
    on_grid: Callable[[Grid], float],
    sampled: Callable[[Samples], Estimate],
    subject: Subject,
    options: Mapping[str, Any],
) -> list[Record]:
    model = subject.model
    known = isinstance(model, ExactLikelihood | LikelihoodBound) and not isinstance(model, ClassConditional)
    if not known:
        return [_by_samples(name, sampled, subject, options)]
    resolution, particles = options["resolution"], options["num_particles"]
    grid = subject.once(("grid", resolution, particles), lambda: _grid(subject, resolution, particles))
    if isinstance(model, ExactLikelihood):
        how, kind = "exact", "exact"
    else:
        # E log q_K <= log q, so that a bound on the density puts KL(p || q) too high; the others go either way
        how, kind = f"importance sampling with K={particles}", "upper bound" if name == "kl" else "estimate"
    if isinstance(model, GridNormalised):
        how = model.method
    method = f"grid of {resolution} x {resolution} cells; q is {how}, its mass there {grid.mass:.4f}"
    estimate = divergences.with_grid_error(on_grid, grid.at_most_one)
    return [
        record(
            subject,
            name,
            estimate,
            unit=_unit(name),
            n=resolution**2,
            kind=kind,
            method=f"kl, reverse_kl, js, tv: {method}",
            num_particles=None if isinstance(model, ExactLikelihood) else particles,
        )
    ]


def _grid(subject: Subject, resolution: int, particles: int) -> Grid:
    density = density_of(subject.loaded)
    assert density is not None
    xmin, xmax, ymin, ymax = extent(subject.data.train.x)
    dx, dy = MARGIN * (xmax - xmin), MARGIN * (ymax - ymin)
    box = (xmin - dx, xmax + dx, ymin - dy, ymax + dy)
    if isinstance(subject.model, GridNormalised):
        # its own box holds all its mass, which may lie further out
        own = subject.model.box
        box = (min(box[0], own[0]), max(box[1], own[1]), min(box[2], own[2]), max(box[3], own[3]))
    points = mesh(box, resolution)
    log_q = log_density(subject.model, points, seed=derive(subject.seed, "grid"), num_particles=particles)
    area = (box[1] - box[0]) * (box[3] - box[2]) / resolution**2
    square = (resolution, resolution)
    return Grid(density.log_prob(points).view(square), log_q.double().view(square), area)


def _by_samples(
    name: str, sampled: Callable[[Samples], Estimate], subject: Subject, options: Mapping[str, Any]
) -> Record:
    density = density_of(subject.loaded)
    assert density is not None
    n = number_of_samples(subject, options)
    k = NEAREST if name in {"kl", "reverse_kl"} else max(NEAREST, round(math.sqrt(n)))
    generator = torch.Generator().manual_seed(derive(subject.seed, "truth"))
    truth, again = density.sample(n, generator=generator), density.sample(n, generator=generator)
    of_q = samples(subject, n)
    estimate = sampled(divergences.by_neighbours(density.log_prob, truth, of_q, k=k))
    floor = sampled(divergences.by_neighbours(density.log_prob, truth, again, k=k)).value
    method = f"{name}: q is known by {n} samples only, its density from the {k}-th nearest; p itself has {floor:.4f}"
    return record(subject, name, estimate, unit=_unit(name), n=n, method=method)


def _unit(name: str) -> str:
    return "probability" if name == "tv" else "nats"


KL, REVERSE_KL, JS, TV = (
    Metric(lacks=no_density, run=partial(_divergence, name, on_grid, sampled))
    for name, on_grid, sampled in (
        ("kl", divergences.kl, divergences.sampled_kl),
        ("reverse_kl", divergences.reverse_kl, divergences.sampled_reverse_kl),
        ("js", divergences.js, divergences.sampled_js),
        ("tv", divergences.tv, divergences.sampled_tv),
    )
)
