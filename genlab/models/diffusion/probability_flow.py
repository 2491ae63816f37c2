"""The density that a diffusion's deterministic flow has, which is another model than the noisy one of the bound.

With the true score at every level both would be one. The flow begins where the path does, at data with the first of its
noise on them, and its likelihood is that of ``alpha(0) u``.

"Score-Based Generative Modeling through Stochastic Differential Equations", Y. Song, J. Sohl-Dickstein, D. P. Kingma,
A. Kumar, S. Ermon, B. Poole, 2021, https://arxiv.org/abs/2011.13456 (section 4.3)
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.models.denoising import Denoiser
from genlab.models.diffusion.ode_likelihood import exact, follow, in_parts, normal_log_prob, signs
from genlab.ops.random import Generators


def even_times(model: Denoiser, steps: int, *, like: Tensor) -> Tensor:
    """Times at which ``lambda`` falls evenly, ``(steps + 1,)`` from 0 to 1."""
    first, last = model.path.ends(like=like)
    way = torch.linspace(0, 1, steps + 1, device=like.device, dtype=like.dtype)
    times = model.path.time_of(first + way * (last - first))
    times[0], times[-1] = 0, 1
    return times.detach()


def log_density(
    model: Denoiser, u: Tensor, c: Tensor | None = None, *, steps: int, generator: Generators = None
) -> Tensor:
    """``log p(u)`` of the probability-flow ODE, ``(B,)`` nats, in the model's coordinates.

    Args:
        model: with a path whose log-SNR is finite at both ends.
        u: ``(B, *event)``.
        c: the condition of each.
        steps: of the fourth-order Runge-Kutta method, even in log-SNR.
        generator: of the signs with which the trace of more than 16 dimensions is estimated.
    """
    dim = u[0].numel()
    probe = None if exact(dim) else signs(u, generator=generator)
    times = even_times(model, steps, like=u)

    def of(u: Tensor, c: Tensor | None) -> tuple[Tensor, ...]:
        start, last = model.path.alpha(u.new_zeros(())), model.path.sigma(u.new_ones(()))
        end, growth = follow(lambda x, t: model.velocity(x, t, c), start * u, times, probe=probe)
        return (normal_log_prob(end, scale=last) + growth + dim * start.log(),)

    with torch.autocast(u.device.type, enabled=False):
        (found,) = in_parts(of, u, c, weights=model.parameters()) if exact(dim) else of(u, c)
    return found
