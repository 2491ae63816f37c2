"""Langevin dynamics on an energy ``E``: a gradient step downhill and Gaussian noise.

    x_{k+1} = x_k - a grad E(x_k) + s eps_k,   eps_k ~ N(0, I).

With ``s = sqrt(2 a)`` this is the unadjusted Langevin algorithm, whose chain tends to ``p(x) ~ exp(-E(x))`` as ``a``
tends to 0; in general to ``exp(-E(x) / T)`` with temperature ``T = s^2 / 2a``. Networks on pictures are sampled far
below ``T = 1``, from few steps: there the chain, and not the density, is what is learned.

"Exponential convergence of Langevin distributions and their discrete approximations", G. O. Roberts, R. L. Tweedie,
1996, https://projecteuclid.org/euclid.bj/1178291835
"Bayesian Learning via Stochastic Gradient Langevin Dynamics", M. Welling, Y. W. Teh, 2011,
https://dl.acm.org/doi/10.5555/3104482.3104568
"On the Anatomy of MCMC-Based Maximum Likelihood Learning of Energy-Based Models", E. Nijkamp, M. Hill, T. Han,
S.-C. Zhu, Y. N. Wu, 2020, https://arxiv.org/abs/1903.12370
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.ops.graphs import Repeated
from genlab.ops.random import normal

Energy = Callable[[Tensor], Tensor]
"""``(B, *event) -> (B,)``, differentiable in its argument."""


def gradient(energy: Energy, x: Tensor) -> Tensor:
    """``grad E(x)`` of each example, ``(B, *event)``, in float32 or better, also where gradients are switched off.

    Only ``x`` is differentiated: parameters of the energy get no gradient.
    """
    with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(energy(x).sum(), x)
    return slope


@dataclass(frozen=True)
class Langevin:
    """A chain's settings.

    Attributes:
        step_size: ``a``.
        noise: ``s``, the standard deviation of each step's noise; None for ``sqrt(2 a)``, temperature 1.
        clamp: each component of the gradient is cut to ``[-clamp, clamp]`` (Du & Mordatch, 2019); None: never.
    """

    step_size: float
    noise: float | None = None
    clamp: float | None = None

    @property
    def temperature(self) -> float:
        """``T = s^2 / 2a``."""
        return 1.0 if self.noise is None else self.noise**2 / (2 * self.step_size)

    def run(
        self,
        energy: Energy,
        x: Tensor,
        *,
        steps: int,
        generator: torch.Generator | None = None,
        scale: float = 1.0,
        project: Callable[[Tensor], Tensor] | None = None,
        observe: Callable[[int, Tensor], None] | None = None,
        repeated: bool = False,
    ) -> Tensor:
        """The state after ``steps`` steps from ``x``.

        Args:
            energy: of a batch.
            x: ``(B, *event)`` initial states; left as they are.
            steps: length of the chain.
            generator: of the noise.
            scale: multiplies ``step_size`` at the same temperature.
            project: applied after every step (back into a box, or to fixed pixels).
            observe: called with ``(k, x_k)`` for k = 1 ... steps; not to change ``x_k``.
            repeated: on a CUDA device, record a step and replay it (not within a recording).
        """
        a = self.step_size * scale
        s = math.sqrt(2 * a) if self.noise is None else self.noise * math.sqrt(scale)

        def step(x: Tensor, noise: Tensor | None) -> Tensor:
            slope = gradient(energy, x)
            if self.clamp is not None:
                slope.clamp_(-self.clamp, self.clamp)
            x = torch.add(x, slope, alpha=-a)
            if noise is not None:
                x.add_(noise, alpha=s)
            return x if project is None else project(x)

        def noise(x: Tensor) -> Tensor | None:
            return normal(len(x), *x.shape[1:], like=x, generator=generator) if s > 0 else None

        x = x.detach()
        if not (repeated and x.device.type == "cuda"):
            for k in range(1, steps + 1):
                x = step(x, noise(x))
                if observe is not None:
                    observe(k, x)
            return x
        state, eps = x.clone(), noise(x)
        again = Repeated(lambda: state.copy_(step(state, eps)), device=x.device)
        for k in range(1, steps + 1):
            if k > 1 and eps is not None:
                eps.copy_(normal(len(x), *x.shape[1:], like=x, generator=generator))
            again()
            if observe is not None:
                observe(k, state.clone())
        return state
