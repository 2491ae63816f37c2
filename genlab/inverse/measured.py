"""Measurements of what is known up to a normal distribution: ``y = A (m + e) + noise eps``, ``e ~ N(0, diag v)``.

So ``y ~ N(A m, S)`` with ``S = A diag(v) A^T + noise^2 I``, and given y

    u = m + e,   E[u | y] = m + diag(v) A^T S^-1 (y - A m).

A draw of it takes one of the prior and corrects it (Matheron's rule): with ``e'`` and ``eps'`` drawn,

    u = m + e' + diag(v) A^T S^-1 (y - A (m + e') - noise eps').

``S^-1`` is applied by conjugate gradients, which ask only for ``A`` and ``A^T``.

"Efficiently Sampling Functions from Gaussian Process Posteriors", J. Wilson, V. Borovitskiy, A. Terenin, P. Mostowsky,
M. Deisenroth, 2020, https://arxiv.org/abs/2002.09309 (section 2.1: Matheron's rule)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.inverse.observation import Observation
from genlab.inverse.operators import Downsample, Grey, Identity, LinearOperator, Mask
from genlab.ops.random import normal

LEAST_NOISE = 0.01
"""On the unit scale: measurements are taken for no more exact by samplers that need a density of them."""

ITERATIONS = 50
"""Of conjugate gradients, at most."""


class Spread(NamedTuple):
    """Independent normals, on the unit scale.

    Attributes:
        mean: ``(B, *event)``.
        variance: ``(B, *event)`` or broadcast to it; None: 0.
    """

    mean: Tensor
    variance: Tensor | None = None


def apart(operator: LinearOperator) -> bool:
    """Whether each value is looked at by one row of A at most, so that ``A diag(v) A^T`` is diagonal for every v."""
    if isinstance(operator, Downsample):
        return operator.kernel == "box"
    return isinstance(operator, Mask | Identity | Grey)


def conjugate_gradients(apply: Callable[[Tensor], Tensor], b: Tensor, *, iterations: int) -> Tensor:
    """``x`` with ``S x = b`` of each row, ``(B, M)``; S symmetric and positive definite.

    "Methods of Conjugate Gradients for Solving Linear Systems", M. Hestenes, E. Stiefel, 1952,
    https://doi.org/10.6028/jres.049.044
    """
    x, r, p = torch.zeros_like(b), b, b
    square = r.square().sum(1, keepdim=True)
    enough = torch.finfo(b.dtype).eps ** 2 * square
    for _ in range(iterations):
        s_p = apply(p)
        along = (p * s_p).sum(1, keepdim=True)
        going = (square > enough) & (along > 0)
        if b.device.type == "cpu" and not bool(going.any()):
            break  # what is left changes nothing; on a GPU to look would be to wait
        step = torch.where(going, square / along, 0.0)
        x, r = x + step * p, r - step * s_p
        new = r.square().sum(1, keepdim=True)
        p = torch.where(going, r + torch.where(going, new / square, 0.0) * p, 0.0)
        square = torch.where(going, new, 0.0)
    return x


class Measured:
    """The normal distribution of measurements, and of what was measured.

    Args:
        observation: of B examples, with noise.
    """

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        operator, y = observation.operator, observation.y
        self.apart = apart(operator)
        if self.apart:
            self.once = operator.adjoint(torch.ones_like(y[:1]))
        else:
            parts = operator.singular()
            self.seen = parts.values > 0
            self.squares = parts.values[self.seen].square().to(y)
            self.seen = self.seen.to(y.device)
            self.measured = parts.measured

    def log_prob(self, said: Spread) -> Tensor:
        """``log N(y; A m, S)`` up to a constant, ``(B,)`` nats.

        S is exact where v is the same for all values of an example, or where the rows of A are `apart`; in other cases
        each example's v is taken for its mean.
        """
        seen, noise = self.observation, self.observation.noise
        r = seen.residual(said.mean)
        if said.variance is None:
            return -0.5 * r.square().sum(1) / noise**2
        if self.apart:  # S is diagonal: its diagonal is S 1
            total = seen.operator.forward(said.variance * self.once) + noise**2
        else:
            mean = said.variance.expand_as(said.mean).flatten(1).mean(1, keepdim=True)
            r, total = self.measured(r)[:, self.seen], mean * self.squares + noise**2
        return -0.5 * (r.square() / total + total.log()).sum(1)

    def weighed(self, r: Tensor, variance: Tensor) -> Tensor:
        """``diag(v) A^T S^-1 r``: what residuals ``(B, M)`` say of e."""
        operator, noise = self.observation.operator, self.observation.noise

        def apply(w: Tensor) -> Tensor:
            return operator.forward(variance * operator.adjoint(w)) + noise**2 * w

        if self.apart:
            w = r / apply(torch.ones_like(r))
        else:
            w = conjugate_gradients(apply, r, iterations=min(ITERATIONS, r.shape[1] + 1))
        return variance * operator.adjoint(w)

    def mean(self, said: Spread) -> Tensor:
        """``E[u | y]``."""
        if said.variance is None:
            return said.mean
        return said.mean + self.weighed(self.observation.residual(said.mean), said.variance)

    def draw(self, said: Spread, *, generator: torch.Generator | None) -> Tensor:
        """``u ~ p(u | y)``, ``(B, *event)``."""
        if said.variance is None:
            return said.mean
        y = self.observation.y
        e = said.variance.sqrt() * normal(len(y), *said.mean.shape[1:], like=said.mean, generator=generator)
        eps = normal(len(y), y.shape[1], like=y, generator=generator)
        r = self.observation.residual(said.mean + e) - self.observation.noise * eps
        return said.mean + e + self.weighed(r, said.variance)
