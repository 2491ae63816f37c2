"""What latents say of an example, on the unit scale and smoothly, so that measurements can be followed back to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from itertools import chain

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.distributions.likelihoods import Bernoulli, DiscretisedLogistic, Gaussian, Likelihood
from genlab.inverse.measured import Spread
from genlab.inverse.observation import to_unit
from genlab.models.capabilities import DecodesLatents
from genlab.models.classical.ppca import PPCA
from genlab.models.conditions import context
from genlab.models.flow.dequantised import Dequantised
from genlab.models.flow.flow import Flow
from genlab.models.vae.topdown import TopDown
from genlab.models.vae.vae import VAE
from genlab.ops.random import normal

PLACES = 16
"""Equally likely values of a logistic distribution by which mean and variance of what it is cut to are computed."""


@dataclass(frozen=True)
class Latents:
    """Latents of n examples, each given its condition.

    Attributes:
        start: ``n x D`` draws of ``p(z)``.
        energy: ``-log p(z)`` up to a constant, ``(n, D) -> (n,)``.
        decode: ``p(u | z)`` as independent normals.
    """

    start: Callable[[torch.Generator | None], Tensor]
    energy: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Spread]


def half_square(z: Tensor) -> Tensor:
    """``-log N(z; 0, I)`` up to a constant."""
    return 0.5 * z.square().sum(1)


def _standard(model: DecodesLatents, n: int, decode: Callable[[Tensor], Spread]) -> Latents:
    like = next(each for each in chain(model.parameters(), model.buffers()) if each.is_floating_point())

    def start(generator: torch.Generator | None) -> Tensor:
        return normal(n, model.latent_dim, like=like, generator=generator)

    return Latents(start, half_square, decode)


@singledispatch
def latents_of(model: DecodesLatents, n: int, c: Tensor | None) -> Latents:
    """The latents of a model.

    Args:
        model: of which the others do not know better: with standard normal latents that say all, as a generator's do.
        n: how many.
        c: the condition of each, ``(n, ...)``.
    """
    return _standard(model, n, lambda z: Spread(to_unit(model.decode(z, c), model.spec)))


@latents_of.register
def _(model: VAE, n: int, c: Tensor | None) -> Latents:
    given = context(model.given, c)
    p = model.prior_given(given)

    def decode(z: Tensor) -> Spread:
        if p is not None:  # z in the units of the prior
            z = p.mean + torch.exp(0.5 * p.log_var) * z
        return moments(model.net.likelihood, model.net.params(z, given))

    return _standard(model, n, decode)


@latents_of.register
def _(model: TopDown, n: int, c: Tensor | None) -> Latents:
    given = context(model.given, c)
    return _standard(model, n, lambda z: moments(model.likelihood, model.params_at(z, given)))


@latents_of.register
def _(model: PPCA, n: int, c: Tensor | None) -> Latents:
    variance = model.noise_variance
    like = model.mean
    return Latents(
        lambda generator: normal(n, model.latent_dim, like=like, generator=generator),
        half_square,
        lambda z: Spread(model.decode(z).view(-1, *model.spec.event_shape), variance),
    )


@latents_of.register
def _(model: Flow, n: int, c: Tensor | None) -> Latents:
    return Latents(
        lambda generator: model.sample_latents(n, c, generator=generator),
        lambda z: -model.prior.log_prob(z),
        lambda z: Spread(model.decode(z, c)),
    )


@latents_of.register
def _(model: Dequantised, n: int, c: Tensor | None) -> Latents:
    """``x = floor(L w)`` has no gradient: ``L w - 1/2``, which is never further from it than half a level, has one."""

    def decode(z: Tensor) -> Spread:
        y = model.flow.decode(z, c)
        w = y if model.logit is None else model.logit.inverse_and_log_det(y).value
        return Spread(to_unit(w * model.levels - 0.5, model.spec))

    return Latents(
        lambda generator: model.sample_latents(n, c, generator=generator),
        lambda z: -model.flow.prior.log_prob(z),
        decode,
    )


def moments(likelihood: Likelihood, params: Tensor) -> Spread:
    """Mean and variance of each value of ``p(x | params)`` on the unit scale, ``(B, P, *event)``, differentiable."""
    params = params.to(torch.promote_types(params.dtype, torch.float32))
    match likelihood:
        case Gaussian():
            location, log_std = likelihood.location_log_std(params)
            return Spread(location, torch.exp(2 * log_std))
        case Bernoulli():
            p = likelihood.mean(params)
            return Spread(p, p * (1 - p))
        case DiscretisedLogistic():
            return _cut_logistic(*likelihood.location_log_scale(params))
    return Spread(to_unit(likelihood.mean(params), likelihood.spec), _width(likelihood.spec))


def _cut_logistic(location: Tensor, log_scale: Tensor) -> Spread:
    """Of a logistic on ``[-1, 1]`` whose ends hold what is beyond them, by `PLACES` equally likely values."""
    like = torch.arange(PLACES, device=location.device, dtype=location.dtype)
    places = torch.logit((like + 0.5) / PLACES).view(-1, *(1,) * location.ndim)
    values = (0.5 * (location + torch.exp(log_scale) * places) + 0.5).clamp(0, 1)
    return Spread(values.mean(0), values.var(0, correction=0))


def _width(spec: DataSpec) -> Tensor:
    """The variance of a place within a level."""
    return torch.tensor(0.0 if spec.levels is None else 1 / (12 * max(1, spec.levels - 1) ** 2))
