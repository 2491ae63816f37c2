"""Posteriors in closed form: a prior that is a mixture of Gaussians stays one when it is measured.

    u ~ sum_k w_k N(m_k, S_k),   y = A u + noise * eps,   C_k = A S_k A^T + noise^2 I

    p(k | y) ~ w_k N(y; A m_k, C_k),      E[u | y, k] = m_k + S_k A^T C_k^{-1} (y - A m_k)

A draw of a component's posterior is a draw of its prior, corrected by what it would have measured (Matheron's rule):

    u_0 ~ N(m_k, S_k),   u = u_0 + S_k A^T C_k^{-1} (y - A u_0 - noise * eps)

Pictures are levels ``x``; these models know ``x + U[0, 1)``, on the unit scale ``u = (x + U - 1/2) / (L - 1)``: draws
are of that u, and its distance from a level is not taken for noise of the measurement.

"Pathwise Conditioning of Gaussian Processes", J. Wilson, V. Borovitskiy,
A. Terenin, P. Mostowsky, M. Deisenroth, 2021, https://arxiv.org/abs/2011.04026
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.inverse.observation import Observation
from genlab.models.capabilities import GenerativeModel
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.models.classical.gmm import GMM
from genlab.models.classical.ppca import PPCA

JITTER = 1e-10
"""Added to the variances of exact measurements, as a part of their mean."""

LARGEST = 1 << 26
"""Numbers of ``S A^T``, at most: half a gigabyte."""


@dataclass(frozen=True)
class Component:
    """A Gaussian on the unit scale, in float64.

    Attributes:
        log_weight: ``()``.
        mean: ``(D,)``.
        times: ``S v`` of columns, ``(D, M) -> (D, M)``.
        width: normal numbers that a draw takes.
        draw: ``(n, D)`` from it, out of normal numbers ``(n, width)``.
    """

    log_weight: Tensor
    mean: Tensor
    times: Callable[[Tensor], Tensor]
    width: int
    draw: Callable[[Tensor], Tensor]


class Moments(NamedTuple):
    """Mean and standard deviation of each value under a posterior, ``(B, *event)`` each."""

    mean: Tensor
    std: Tensor


def known(model: GenerativeModel, observation: Observation) -> bool:
    """Whether the posterior is known, and small enough to be computed."""
    density = model.density if isinstance(model, DequantisedFit) else model
    operator = observation.operator
    return isinstance(density, GMM | PPCA) and operator.dim * operator.count <= LARGEST


def components(model: GenerativeModel) -> list[Component]:
    """A mixture, or pPCA as one of a single Gaussian, on the unit scale."""
    density, shift, scale = model, 0.0, 1.0
    if isinstance(model, DequantisedFit):
        density, shift, scale = model.density, 0.5, 1.0 / max(1, model.levels - 1)
    if isinstance(density, GMM):
        return list(_of_mixture(density, shift, scale))
    assert isinstance(density, PPCA)  # as `known` says
    return [_of_ppca(density, shift, scale)]


def _of_mixture(density: GMM, shift: float, scale: float) -> Iterator[Component]:
    for weight, mean, factor in zip(density.weights, density.means.double(), density.factors.double(), strict=True):
        m, log_weight = (mean - shift) * scale, weight.double().log()
        if not density.full:
            std = scale / factor
            yield Component(
                log_weight,
                m,
                lambda v, std=std: std.square()[:, None] * v,  # type: ignore[misc]
                len(m),
                lambda eps, m=m, std=std: m + std * eps,  # type: ignore[misc]
            )
            continue

        # the covariance is P^{-T} P^{-1}, P upper triangular
        def times(v: Tensor, factor: Tensor = factor) -> Tensor:
            inner = torch.linalg.solve_triangular(factor, v, upper=True)
            return scale**2 * torch.linalg.solve_triangular(factor.T, inner, upper=False)

        def draw(eps: Tensor, m: Tensor = m, factor: Tensor = factor) -> Tensor:
            return m + scale * torch.linalg.solve_triangular(factor.T, eps.T, upper=False).T

        yield Component(log_weight, m, times, len(m), draw)


def _of_ppca(density: PPCA, shift: float, scale: float) -> Component:
    m = (density.mean.double() - shift) * scale
    axes, s2 = density.axes.double(), density.noise_variance.double()
    along = (density.variances.double() - s2).clamp_min(0)

    def times(v: Tensor) -> Tensor:
        return scale**2 * (axes @ (along[:, None] * (axes.T @ v)) + s2 * v)

    def draw(eps: Tensor) -> Tensor:
        z, across = eps.split([len(along), len(m)], 1)
        return m + scale * ((z * along.sqrt()) @ axes.T + s2.sqrt() * across)

    return Component(m.new_zeros(()), m, times, len(along) + len(m), draw)


class _Gain(NamedTuple):
    """``S A^T``, ``(D, M)``, and the Cholesky factor of ``C``."""

    cross: Tensor
    factor: Tensor

    def correct(self, residual: Tensor) -> Tensor:
        """``S A^T C^{-1} r``, ``(n, M) -> (n, D)``."""
        return torch.cholesky_solve(residual.T, self.factor).T @ self.cross.T


def _gain(component: Component, observation: Observation) -> _Gain:
    operator = observation.operator
    eye = torch.eye(operator.count, dtype=torch.float64, device=component.mean.device)
    cross = component.times(operator.adjoint(eye).flatten(1).T)
    c = operator.forward(cross.T.reshape(-1, *operator.event))
    jitter = JITTER * c.diagonal().mean() if observation.noise == 0 else 0.0
    c = (c + c.T) / 2 + (observation.noise**2 + jitter) * eye
    return _Gain(cross, torch.linalg.cholesky(c))


def _log_evidence(component: Component, gain: _Gain, residual: Tensor) -> Tensor:
    """``log w N(y; A m, C)``, ``(B,)``, of ``y - A m``."""
    whitened = torch.linalg.solve_triangular(gain.factor, residual.T, upper=False)
    log_det = 2 * gain.factor.diagonal().log().sum()
    return component.log_weight - 0.5 * (whitened.square().sum(0) + log_det + len(whitened) * math.log(2 * math.pi))


def responsibilities(parts: list[Component], observation: Observation) -> Tensor:
    """``p(k | y)``, ``(B, K) float64``."""
    if len(parts) == 1:
        return observation.y.new_ones(len(observation), 1, dtype=torch.float64)
    operator, y = observation.operator, observation.y.double()
    terms = [
        _log_evidence(each, _gain(each, observation), y - operator.forward(each.mean.view(1, *operator.event)))
        for each in parts
    ]
    return torch.stack(terms, 1).softmax(1)


@torch.no_grad()
def mixture(
    model: GenerativeModel,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Exact draws of what Gaussian mixtures and pPCA say; see `genlab.inverse.method.PosteriorSampler`."""
    operator, parts = observation.operator, components(model)
    y = observation.y.double()
    p = responsibilities(parts, observation)
    where = p.device if generator is None else generator.device
    # all at once and example by example, so that one does not depend on the components of others
    u = torch.rand(len(y), samples, generator=generator, device=where, dtype=torch.float64).to(p.device)
    chosen = torch.searchsorted(p.cumsum(1), u).clamp_max(len(parts) - 1)
    width = parts[0].width + operator.count
    eps = torch.randn(len(y), samples, width, generator=generator, device=where, dtype=torch.float64).to(p.device)
    found = y.new_empty(len(y), samples, operator.dim)
    for k, part in enumerate(parts):
        example, place = (chosen == k).nonzero(as_tuple=True)
        if not len(example):
            continue
        own, of_noise = eps[example, place].split([part.width, operator.count], 1)
        prior = part.draw(own)
        seen = operator.forward(prior.view(-1, *operator.event)) + observation.noise * of_noise
        found[example, place] = prior + _gain(part, observation).correct(y[example] - seen)
    return found.view(len(y), samples, *operator.event).to(observation.y.dtype)


@torch.no_grad()
def moments(model: GenerativeModel, observation: Observation) -> Moments:
    """Mean and standard deviation of the posterior, in closed form."""
    operator, parts = observation.operator, components(model)
    y = observation.y.double()
    p = responsibilities(parts, observation)
    first, second = y.new_zeros(len(y), operator.dim), y.new_zeros(len(y), operator.dim)
    eye = torch.eye(operator.dim, dtype=torch.float64, device=y.device)
    for k, part in enumerate(parts):
        gain = _gain(part, observation)
        mean = part.mean + gain.correct(y - operator.forward(part.mean.view(1, *operator.event)))
        variance = (part.times(eye) - gain.correct(gain.cross)).diagonal().clamp_min(0)
        first += p[:, k, None] * mean
        second += p[:, k, None] * (variance + mean.square())
    shape = (len(y), *operator.event)
    return Moments(
        first.view(shape).to(observation.y.dtype),
        (second - first.square()).clamp_min(0).sqrt().view(shape).to(observation.y.dtype),
    )
