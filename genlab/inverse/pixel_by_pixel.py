"""Posteriors of models that draw one pixel after the other, row by row.

Kept pixels that come first are conditioned on exactly: the rest is drawn from ``p(x_i | x_<i)``. Everything else is a
sequence of importance sampling steps. K particles are drawn a few rows at a time, with what is kept put in its place,
and weighed (`genlab.inverse.particles`). They are drawn anew by weight when the effective sample size
``(sum w)^2 / sum w^2`` is below K / 2. With one step, at the last row, it is importance sampling of whole completions.

"Sequential Monte Carlo Methods in Practice", A. Doucet, N. de Freitas, N. Gordon (eds.), 2001,
https://doi.org/10.1007/978-1-4757-3437-9
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.data.spaces import Image
from genlab.inverse import lookahead
from genlab.inverse.method import Exactness, Report
from genlab.inverse.observation import Observation, to_unit
from genlab.inverse.particles import Drawn, Start, Steered, kept_exactly, uniform
from genlab.models.capabilities import Autoregressive, GenerativeModel
from genlab.models.conditions import rows

PARTICLES = 64
"""For each observed example, at least."""

STEPS = 4
"""How often particles are weighed, at most; each costs as much as drawing all of them."""

ANEW = 0.5
"""Share of the particles; with a smaller effective sample size they are drawn anew."""


def fits(model: GenerativeModel, observation: Observation) -> bool:
    """Whether the model draws pictures pixel by pixel."""
    return isinstance(model, Autoregressive) and isinstance(model.spec.space, Image)


def exactness(model: GenerativeModel, observation: Observation) -> Exactness:
    """Exact where what is kept comes first."""
    return "exact" if _first(observation) else "asymptotically exact"


def completion(
    model: Autoregressive,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    report: Report = None,
    particles: int | None = None,
    steps: int | None = None,
    look: bool = True,
) -> Tensor:
    """Draws of the posterior; see `genlab.inverse.method.PosteriorSampler`.

    Args:
        model: of pictures.
        observation: of B pictures; other measurements than kept pixels are never exact: without noise, they count as
            uncertain by half a level.
        samples: draws of each.
        c: the condition of each.
        generator: of all random numbers.
        report: is told the "effective sample size" of each example, the least of all steps.
        particles: K, or as many as samples if these are more; None: `PARTICLES`.
        steps: how often they are weighed, at most; None: `STEPS`.
        look: draw pixels with an eye on what was measured, where that can be.
    """
    exact = _first(observation)
    each = samples if exact else max(samples, particles or PARTICLES)
    particle = Start.begin(model, observation, each)
    c = rows(c, torch.arange(len(observation)).repeat_interleave(each)) if c is not None else None
    if exact:
        done = model.complete(particle.x, particle.kept, c, generator=generator)
    else:
        done = _weighed(model, particle, c, steps=steps or STEPS, look=look, generator=generator, report=report)
        done = done.view(len(observation), each, *model.spec.event_shape)[:, :samples].flatten(0, 1)
    found = to_unit(done, model.spec).to(observation.y)
    return found.view(len(observation), samples, *model.spec.event_shape)


def _first(observation: Observation) -> bool:
    kept = kept_exactly(observation)
    return kept is not None and bool(kept.flatten()[: int(kept.sum())].all())


def _weighed(
    model: Autoregressive,
    start: Start,
    c: Tensor | None,
    *,
    steps: int,
    look: bool,
    generator: torch.Generator | None,
    report: Report,
) -> Tensor:
    """``(B * K, C, H, W)``, equally likely draws."""
    kept, each = start.kept, start.each
    height, examples = kept.shape[0], len(start.x) // each
    particles: Drawn | Steered
    if look and lookahead.fits(model):
        particles = Steered(model, start, c, generator)
    else:
        particles = Drawn(model, start, c, generator)
    log_w = torch.zeros(examples, each, dtype=torch.float64, device=kept.device)
    least = torch.full((examples,), float(each), dtype=torch.float64, device=kept.device)
    first = torch.arange(examples, device=kept.device)[:, None] * each
    for end in _ends(particles.telling, height, steps):
        log_w = log_w + particles.draw(end).view(examples, each)
        w = log_w.softmax(1)
        size = 1 / w.square().sum(1)
        least = torch.minimum(least, size)
        again = (size < ANEW * each) | (end == height)
        index = torch.where(again[:, None], _systematic(w, generator), torch.arange(each, device=kept.device))
        particles.choose((first + index).flatten())
        log_w = torch.where(again[:, None], 0.0, log_w)
    if report is not None:
        report("effective sample size", least)
    # neighbours have the same ancestor
    order = torch.argsort(uniform(examples, each, generator, kept.device), 1)
    return particles.x[(first + order).flatten()]


def _ends(telling: Tensor, height: int, steps: int) -> list[int]:
    """After which rows particles are weighed: evenly, those that tell something, and the last row."""
    last = (telling + 1).tolist()
    wanted = [math.ceil(height * (k + 1) / steps) for k in range(steps)]
    ends = {min((end for end in last if end >= want), default=height) for want in wanted}
    return sorted(ends | {height})


def _systematic(w: Tensor, generator: torch.Generator | None) -> Tensor:
    """``(B, K)`` ancestors drawn by weights ``(B, K)`` with one random number each."""
    examples, each = w.shape
    at = (uniform(examples, 1, generator, w.device) + torch.arange(each, device=w.device)) / each
    return torch.searchsorted(w.cumsum(1), at.contiguous()).clamp_max(each - 1)
