"""Chains of models that sample by one, held at what is kept of a picture, or started at a noisy one.

Neither is a draw of the posterior: a chain that is held at pixels is one for measurements without noise, as far as it
has run; one that starts at a noisy picture forgets it in the end.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.data.spaces import Image
from genlab.inverse.observation import Observation, to_unit, typed
from genlab.inverse.operators import Identity, Mask
from genlab.models.capabilities import GenerativeModel, SamplesByChain
from genlab.models.conditions import rows


def kept_exactly(observation: Observation) -> bool:
    """Whether pixels are seen without noise, so that a chain can be held at them."""
    return isinstance(observation.operator, Mask) and observation.noise == 0


def fits(model: GenerativeModel, observation: Observation) -> bool:
    """Whether a chain can be held at, or started at, what is seen."""
    chain = isinstance(model, SamplesByChain) and isinstance(model.spec.space, Image)
    return chain and (kept_exactly(observation) or isinstance(observation.operator, Identity))


def paths(
    model: SamplesByChain,
    observation: Observation,
    *,
    samples: int,
    frames: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The chains at ``frames`` times, the first and the last included: ``(frames, B, samples, *event)`` typed."""
    operator, spec = observation.operator, model.spec
    repeated = observation.repeated(samples)
    start = typed(operator.adjoint(repeated.y), spec)
    keep = operator.keep.expand(spec.event_shape).to(start.device) if isinstance(operator, Mask) else None
    c = None if c is None else rows(c, torch.arange(len(c)).repeat_interleave(samples))
    path = model.path(len(start), c, frames=frames, start=start, keep=keep, generator=generator)
    return path.view(frames, len(observation), samples, *spec.event_shape)


def chain(
    model: SamplesByChain,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The ends of chains; see `genlab.inverse.method.PosteriorSampler`."""
    path = paths(model, observation, samples=samples, frames=2, c=c, generator=generator)
    return to_unit(path[-1], model.spec).to(observation.y)
