"""The likelihood of a flow in continuous time, by its ODE.

Along ``dx/dt = v(x, t)`` from data at ``t = 0`` to noise at ``t = 1``

    log p_0(x_0) = log p_1(x_1) + int_0^1 div v(x_t, t) dt,        div v = tr dv/dx

The trace is exact where it is D products with the Jacobian, and else ``E[e' (dv/dx) e]`` of random signs e, of which
one draw for each example serves the whole way (Hutchinson, 1989): what it says of log p is then an estimate, with the
right expectation.

"FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models", W. Grathwohl, R. Chen,
J. Bettencourt, I. Sutskever, D. Duvenaud, 2019, https://arxiv.org/abs/1810.01367
"Score-Based Generative Modeling through Stochastic Differential Equations", Y. Song, J. Sohl-Dickstein, D. P. Kingma,
A. Kumar, S. Ermon, B. Poole, 2021, https://arxiv.org/abs/2011.13456 (section 4.3)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from genlab.ops.random import Generators, uniform
from genlab.samplers.ode import RK4, Tableau, combined
from genlab.samplers.process import Field, at

EXACT_DIMENSIONS = 16
"""Up to so many the trace is exact."""

NUMBERS = 2**14
"""Of examples that are followed together with an exact trace: a few hundred megabytes of the usual networks."""

NUMBERS_WITH_GRADIENTS = 2**11
"""Likewise, where the Jacobian's products of all steps are kept for gradients of their own."""


Density = Callable[[Tensor, Tensor | None], tuple[Tensor, ...]]
"""``(u, c) -> `` what is to be said of each example, ``(B,)`` each."""


class Followed(NamedTuple):
    """Where data have come to, and how much space has grown around them on the way.

    Attributes:
        x: ``(B, *event)`` at the last time.
        growth: ``int div v dt``, ``(B,)``.
    """

    x: Tensor
    growth: Tensor


def signs(x: Tensor, *, generator: Generators) -> Tensor:
    """Random ones of -1 and 1, like ``x: (B, *event)``."""
    return uniform(len(x), *x.shape[1:], like=x, generator=generator).lt(0.5).to(x.dtype) * 2 - 1


def exact(dimensions: int) -> bool:
    """Whether the trace of so many dimensions is computed and not estimated."""
    return dimensions <= EXACT_DIMENSIONS


def follow(
    velocity: Field, x: Tensor, times: Tensor, *, probe: Tensor | None = None, tableau: Tableau = RK4
) -> Followed:
    """``x`` at ``times[0]`` along the flow to ``times[-1]``, by a Runge-Kutta method for place and growth together.

    Args:
        velocity: differentiable in x.
        x: ``(B, *event)``.
        times: ``(steps + 1,)``.
        probe: random signs like x, with which the trace is estimated; None: it is exact.
        tableau: the method.

    The result has gradients where they are switched on.
    """
    again = torch.is_grad_enabled()
    growth = x.new_zeros(len(x))
    for t, s in zip(times[:-1].to(x), times[1:].to(x), strict=True):
        h = s - t
        slopes: list[Tensor] = []
        rates: list[Tensor] = []
        for stage in tableau.stages:
            here = combined(x, h, stage, slopes)
            slope, rate = divergence(velocity, here, at(t + sum(stage) * h, x), probe=probe, again=again)
            slopes.append(slope)
            rates.append(rate)
        x, growth = combined(x, h, tableau.weights, slopes), combined(growth, h, tableau.weights, rates)
    return Followed(x, growth)


def in_parts(density: Density, u: Tensor, c: Tensor | None, *, weights: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """``density(u, c)`` of examples ``u: (B, D)`` some at a time, in memory that does not grow with B.

    Args:
        density: tensors ``(B,)`` by an exact trace; what it says of an example depends on no other, and on no chance.
        u: examples.
        c: the condition of each.
        weights: what else it has gradients for.

    Where gradients are switched on and there is more than one part, they follow each part once more.
    """
    again = torch.is_grad_enabled()
    size = max(1, (NUMBERS_WITH_GRADIENTS if again else NUMBERS) // (u[0].numel() if len(u) else 1))
    if len(u) <= size:
        return density(u, c)
    parts = zip(u.split(size), [None] * -(-len(u) // size) if c is None else c.split(size), strict=True)
    if again:
        needed = [weight for weight in weights if weight.requires_grad]
        found = [_FollowedAgain.apply(density, *part, *needed) for part in parts]
    else:
        found = [density(*part) for part in parts]
    return tuple(torch.cat(each) for each in zip(*found, strict=True))


class _FollowedAgain(torch.autograd.Function):
    """A density that keeps nothing for its gradients, and is computed anew for them.

    (`torch.utils.checkpoint` begins anew at each of the inner gradients, of which every step has several.)
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, density: Density, u: Tensor, c: Tensor | None, *weights: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.density, ctx.given, ctx.weights = density, (u, c), weights  # type: ignore[attr-defined]
        return density(u, c)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (u, c), weights = ctx.given, ctx.weights  # type: ignore[attr-defined]
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            said = ctx.density(u, c)  # type: ignore[attr-defined]
            of_u, *of_weights = torch.autograd.grad(said, (u, *weights), gradients, allow_unused=True)
        return None, of_u, None, *of_weights


def divergence(
    velocity: Field, x: Tensor, t: Tensor, *, probe: Tensor | None, again: bool = False
) -> tuple[Tensor, Tensor]:
    """``v(x, t)`` and its divergence, ``(B,)``; ``again``: with gradients of their own."""
    with torch.enable_grad():
        x = x if again and x.requires_grad else x.detach().requires_grad_()
        v = velocity(x, t)
        # dv_i/dx_i: of examples that do not touch each other, so that their sum's gradient is each one's own
        directions = [probe] if probe is not None else list(_axes(x))
        trace = x.new_zeros(len(x))
        for k, direction in enumerate(directions):
            last = k + 1 == len(directions)
            (product,) = torch.autograd.grad(v, x, direction, create_graph=again, retain_graph=again or not last)
            trace = trace + (product * direction).flatten(1).sum(1)
    return (v, trace) if again else (v.detach(), trace.detach())


def _axes(x: Tensor) -> Tensor:
    """The unit vectors of an example, each for all of a batch: ``(D, B, *event)``."""
    dim = x[0].numel()
    eye = torch.eye(dim, device=x.device, dtype=x.dtype).view(dim, 1, *x.shape[1:])
    return eye.expand(dim, *x.shape)


def normal_log_prob(x: Tensor, *, scale: Tensor | float = 1.0) -> Tensor:
    """``log N(x; 0, scale^2 I)``, ``(B,)``."""
    flat = (x / scale).flatten(1)
    dim = flat.shape[1]
    log_scale = scale.log() if isinstance(scale, Tensor) else math.log(scale)
    return -0.5 * flat.square().sum(1) - dim * (0.5 * math.log(2 * math.pi) + log_scale)
