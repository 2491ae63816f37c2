"""Hamiltonian Monte Carlo: gradient steps with momentum, and a decision that makes the chain's density exact.

To ``p(x) ~ exp(-E(x))`` a momentum ``v ~ N(0, I)`` is added. A proposal follows the motion with that momentum by L
leapfrog steps of size h,

    v <- v - h/2 grad E(x),   x <- x + h v,   v <- v - h/2 grad E(x),

and is taken with probability ``min(1, exp(H(x, v) - H(x', v')))``, ``H = E(x) + |v|^2 / 2``; otherwise the chain stays.
With L = 1 this is Langevin dynamics with the correction of Metropolis (MALA), with ``a = h^2 / 2``.

Every chain has its own h, which follows the share of proposals that are taken in a burn-in, and is fixed from there on:
what comes after is a Markov chain whose density is the right one, and whose draws tend to it.

"Hybrid Monte Carlo", S. Duane, A. Kennedy, B. Pendleton, D. Roweth, 1987, https://doi.org/10.1016/0370-2693(87)91197-X
"MCMC using Hamiltonian dynamics", R. Neal, 2011, https://arxiv.org/abs/1206.1901
"Exponential convergence of Langevin distributions and their discrete approximations", G. O. Roberts, R. L. Tweedie,
1996, https://projecteuclid.org/euclid.bj/1178291835 (MALA)
"The No-U-Turn Sampler", M. Hoffman, A. Gelman, 2014, https://arxiv.org/abs/1111.4246 (section 3.2: steps that follow
what is accepted)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.ops.graphs import Repeated
from genlab.ops.random import normal, uniform
from genlab.samplers.langevin import Energy

JITTER = 0.4
"""A proposal's step is between 0.6 and 1.4 of h: of a Gaussian, motions of one length all come back to the start."""


class Chains(NamedTuple):
    """Where chains ended, and how they went.

    Attributes:
        state: ``(B, *event)``.
        acceptance: ``(B,)``, the share of proposals that were taken after the burn-in.
        step_size: ``(B,)``, h.
    """

    state: Tensor
    acceptance: Tensor
    step_size: Tensor


@dataclass(frozen=True)
class Hamiltonian:
    """Settings of chains.

    Attributes:
        leapfrog: L; 1 is MALA.
        burn_in: transitions in which h is found.
        steps: transitions after that.
        target: share of proposals to be taken; None: 0.57 for L = 1 (Roberts & Rosenthal, 1998), else 0.75.
    """

    leapfrog: int = 10
    burn_in: int = 100
    steps: int = 50
    target: float | None = None

    @property
    def aim(self) -> float:
        """What ``target`` is."""
        return self.target if self.target is not None else 0.57 if self.leapfrog == 1 else 0.75

    def run(
        self,
        energy: Energy,
        x: Tensor,
        *,
        generator: torch.Generator | None = None,
        before: Callable[[int], None] | None = None,
        observe: Callable[[int, Tensor], None] | None = None,
    ) -> Chains:
        """The chains that start at ``x``; on a CUDA device a transition is recorded and replayed.

        Args:
            energy: of a batch, ``(B, *event) -> (B,)``, of each row by itself.
            x: ``(B, *event)`` initial states; left as they are.
            generator: of momenta and decisions.
            before: called with k = 0, 1, ... before transition k, to change what the energy reads in the burn-in.
            observe: called with ``(k, x_k)`` after the k-th transition behind the burn-in, k = 1 ... steps.
        """
        state = x.detach().clone()
        log_h = torch.full((len(x),), -0.25 * math.log(max(1, x[0].numel())), device=x.device, dtype=x.dtype)
        gain, taken = torch.zeros((), device=x.device, dtype=x.dtype), torch.zeros_like(log_h)
        v, u = torch.empty_like(state), state.new_empty(2, len(x))

        def transition() -> None:
            h = log_h.exp() * (1 + JITTER * (2 * u[0] - 1))
            moved, log_ratio = _proposal(energy, state, v, h, self.leapfrog)
            accepted = u[1].log() < log_ratio  # never of a proposal whose energy is no number
            state.copy_(torch.where(_over(accepted, state), moved, state))
            taken.copy_(accepted)
            probability = log_ratio.nan_to_num(nan=-math.inf).clamp_max(0).exp()
            log_h.add_(gain * (probability - self.aim))

        again = Repeated(transition, device=x.device)
        total = torch.zeros_like(taken)
        for k in range(self.burn_in + self.steps):
            if before is not None:
                before(k)
            gain.fill_((k + 1) ** -0.6 if k < self.burn_in else 0.0)
            v.copy_(normal(len(x), *x.shape[1:], like=x, generator=generator))
            u.copy_(uniform(len(x), 2, like=x, generator=generator).T)
            again()
            if k >= self.burn_in:
                total += taken
                if observe is not None:
                    observe(k + 1 - self.burn_in, state.clone())
        return Chains(state, total / max(1, self.steps), log_h.exp())


def _over(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *(1,) * (x.ndim - 1))


def _proposal(energy: Energy, x: Tensor, v: Tensor, h: Tensor, leapfrog: int) -> tuple[Tensor, Tensor]:
    """Where L steps lead, and ``H(x, v) - H(x', v')``, ``(B,)``."""
    h = _over(h, x)
    before, slope = _with_gradient(energy, x)
    h_before, after = before + _kinetic(v), before
    for _ in range(leapfrog):
        v = v - 0.5 * h * slope
        x = x + h * v
        after, slope = _with_gradient(energy, x)
        v = v - 0.5 * h * slope
    return x, h_before - after - _kinetic(v)


def _kinetic(v: Tensor) -> Tensor:
    return 0.5 * v.square().flatten(1).sum(1)


def _with_gradient(energy: Energy, x: Tensor) -> tuple[Tensor, Tensor]:
    """``E(x)`` and its gradient, in float32 or better, also where gradients are switched off."""
    with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
        x = x.detach().requires_grad_()
        found = energy(x)
        (slope,) = torch.autograd.grad(found.sum(), x)
    return found.detach(), slope
