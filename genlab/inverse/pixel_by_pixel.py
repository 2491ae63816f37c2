"""Posteriors of models that draw one pixel after the other, row by row.

Kept pixels that come first are conditioned on exactly: the rest is drawn from ``p(x_i | x_<i)``. Everything else is a
sequence of importance sampling steps. K particles are drawn a few rows at a time, with what is kept put in its place;
as soon as all pixels that a measurement sees are there, it weighs them,

    w <- w * N(y_j; a_j u, noise^2),      or of a pixel that is kept exactly   w <- w * p(x_i | x_<i),

and they are drawn anew by weight when the effective sample size ``(sum w)^2 / sum w^2`` is below K / 2. With one step,
at the last row, it is importance resampling of whole completions.

"Sequential Monte Carlo Methods in Practice", A. Doucet, N. de Freitas, N. Gordon (eds.), 2001,
https://doi.org/10.1007/978-1-4757-3437-9
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data.spaces import Image
from genlab.inverse.method import Exactness, Report
from genlab.inverse.observation import Observation, to_unit, typed
from genlab.inverse.operators import Mask
from genlab.models.capabilities import Autoregressive, GenerativeModel
from genlab.models.conditions import rows

PARTICLES = 64
"""For each observed example, at least."""

STEPS = 4
"""How often particles are weighed, at most; each costs as much as drawing all of them."""


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
    """
    exact = _first(observation)
    each = samples if exact else max(samples, particles or PARTICLES)
    particle = _Particles.begin(model, observation, each)
    c = rows(c, torch.arange(len(observation)).repeat_interleave(each)) if c is not None else None
    if exact:
        done = model.complete(particle.x, particle.kept, c, generator=generator)
    else:
        done = _weighed(model, particle, c, steps=steps or STEPS, generator=generator, report=report)
        done = done.view(len(observation), each, *model.spec.event_shape)[:, :samples].flatten(0, 1)
    found = to_unit(done, model.spec).to(observation.y)
    return found.view(len(observation), samples, *model.spec.event_shape)


def _kept(observation: Observation) -> Tensor | None:
    """``(H, W) bool`` on the CPU: the pixels that are known exactly; None where there are none of that kind."""
    operator = observation.operator
    if not isinstance(operator, Mask) or observation.noise > 0:
        return None
    each = operator.keep.cpu().expand(operator.event)
    return each.all(0) if bool((each.all(0) == each.any(0)).all()) else None


def _first(observation: Observation) -> bool:
    kept = _kept(observation)
    return kept is not None and bool(kept.flatten()[: int(kept.sum())].all())


@dataclass(frozen=True)
class _Particles:
    """``each`` copies of every example.

    Attributes:
        observation: with each row ``each`` times.
        x: ``(B * each, C, H, W)`` typed, with what is kept in its place.
        kept: ``(H, W) bool``, what never changes.
        each: K.
    """

    observation: Observation
    x: Tensor
    kept: Tensor
    each: int

    @classmethod
    def begin(cls, model: Autoregressive, observation: Observation, each: int) -> _Particles:
        spec, kept = model.spec, _kept(observation)
        if kept is None:
            assert spec.levels is not None
            if observation.noise == 0:
                observation = observation.at_least(0.5 / max(1, spec.levels - 1))
            x = torch.zeros(len(observation), *spec.event_shape, dtype=spec.dtype, device=observation.y.device)
            kept = torch.zeros(spec.event_shape[1:], dtype=torch.bool)
        else:
            x = typed(observation.operator.adjoint(observation.y), spec)
        return cls(observation.repeated(each), x.repeat_interleave(each, 0), kept.to(x.device), each)


def _weighed(
    model: Autoregressive,
    start: _Particles,
    c: Tensor | None,
    *,
    steps: int,
    generator: torch.Generator | None,
    report: Report,
) -> Tensor:
    """``(B * K, C, H, W)``, equally likely draws."""
    x, kept, each = start.x, start.kept, start.each
    height, examples = kept.shape[0], len(x) // each
    ready = _ready(start)
    ends = _ends(ready, kept, height, steps)
    row = torch.arange(height, device=x.device)[:, None]
    log_w = torch.zeros(examples, each, dtype=torch.float64, device=x.device)
    least = torch.full((examples,), float(each), dtype=torch.float64, device=x.device)
    begin = 0
    for end in ends:
        x = model.complete(x, kept | (row < begin), c, generator=generator)
        log_w = log_w + _gained(model, x, c, start, ready, begin, end).view(examples, each)
        w = log_w.softmax(1)
        size = 1 / w.square().sum(1)
        least = torch.minimum(least, size)
        again = (size < each / 2) | (end == height)
        index = torch.where(again[:, None], _systematic(w, generator), torch.arange(each, device=x.device))
        x = x.view(examples, each, *x.shape[1:])[torch.arange(examples, device=x.device)[:, None], index].flatten(0, 1)
        log_w = torch.where(again[:, None], 0.0, log_w)
        begin = end
    if report is not None:
        report("effective sample size", least)
    # neighbours have the same ancestor
    order = torch.argsort(_uniform(examples, each, generator, x.device), 1)
    return x.view(examples, each, *x.shape[1:])[torch.arange(examples, device=x.device)[:, None], order].flatten(0, 1)


def _ready(start: _Particles) -> Tensor:
    """``(M,) int64``: the last row that each measurement sees."""
    operator, width = start.observation.operator, start.kept.shape[1]
    sees = operator.adjoint(torch.eye(operator.count)).flatten(2).abs().sum(1) > 0
    place = torch.arange(sees.shape[1])
    return (torch.where(sees, place, 0).amax(1) // width).to(start.x.device)


def _ends(ready: Tensor, kept: Tensor, height: int, steps: int) -> list[int]:
    """After which rows particles are weighed, the last row among them."""
    weighing = kept.any(1).nonzero()[:, 0] if kept.any() else ready.unique()
    last = (weighing + 1).unique().tolist()
    wanted = [math.ceil(height * (k + 1) / steps) for k in range(steps)]
    ends = {min((end for end in last if end >= want), default=height) for want in wanted}
    return sorted(ends | {height})


def _gained(
    model: Autoregressive, x: Tensor, c: Tensor | None, start: _Particles, ready: Tensor, begin: int, end: int
) -> Tensor:
    """``(B * K,)`` nats: what rows from ``begin`` to ``end`` say of the particles."""
    if start.kept.any():
        terms = model.log_prob_per_dim(x, c)[..., begin:end, :].double()
        return (terms * start.kept[begin:end]).flatten(1).sum(1)
    seen = start.observation
    now = (ready >= begin) & (ready < end)
    misses = seen.residual(to_unit(x, model.spec).to(seen.y))[:, now].double()
    return -0.5 * misses.square().sum(1) / seen.noise**2


def _systematic(w: Tensor, generator: torch.Generator | None) -> Tensor:
    """``(B, K)`` ancestors drawn by weights ``(B, K)`` with one random number each."""
    examples, each = w.shape
    at = (_uniform(examples, 1, generator, w.device) + torch.arange(each, device=w.device)) / each
    return torch.searchsorted(w.cumsum(1), at.contiguous()).clamp_max(each - 1)


def _uniform(n: int, m: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    where = device if generator is None else generator.device
    return torch.rand(n, m, generator=generator, device=where, dtype=torch.float64).to(device)
