"""Steps from one noise level to another by the denoiser: DDIM, and ancestral sampling with all of its noise.

From ``x`` at t to s < t, with ``D = D(x, t)`` and the noise that it leaves, ``e = (x - alpha_t D) / sigma_t``,

    x_s = alpha_s D + sqrt(sigma_s^2 - w^2) e + w z,    w = eta (sigma_s / sigma_t) sigma_{t|s},   z ~ N(0, I)

where ``sigma_{t|s}^2 = sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2``. With eta = 1 this is a draw from
``q(x_s | x_t, x_0 = D)``, the ancestral sampler; with eta = 0 a map, which follows the probability flow to first order.

"Denoising Diffusion Probabilistic Models", J. Ho, A. Jain, P. Abbeel, 2020, https://arxiv.org/abs/2006.11239
"Denoising Diffusion Implicit Models", J. Song, C. Meng, S. Ermon, 2021, https://arxiv.org/abs/2010.02502
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genlab.ops.random import Generators
from genlab.samplers.process import Observer, Process, at, march


def coefficients(process: Process, times: Tensor, *, eta: float) -> Tensor:
    """``(steps, 4)`` float64: t, and what x, D and z are multiplied by in the step from it."""
    t, s = times[:-1].double(), times[1:].double()
    alpha_t, alpha_s, sigma_t, sigma_s = (f(each) for f in (process.path.alpha, process.path.sigma) for each in (t, s))
    between = (sigma_t.square() - (alpha_t / alpha_s * sigma_s).square()).clamp_min(0).sqrt()
    w = eta * sigma_s / sigma_t * between
    kept = (sigma_s.square() - w.square()).clamp_min(0).sqrt() / sigma_t
    return torch.stack([t, kept, alpha_s - alpha_t * kept, w], 1)


def ddim(
    process: Process,
    x: Tensor,
    times: Tensor,
    *,
    eta: float = 0.0,
    generator: Generators = None,
    observe: Observer | None = None,
) -> Tensor:
    """DDIM: one evaluation a step; see `genlab.samplers.process.Sampler`. ``eta``: share of the ancestral noise."""

    def step(x: Tensor, row: Sequence[Tensor], noise: Tensor) -> Tensor:
        t, of_x, of_d, of_noise = row
        found = of_x * x + of_d * process.denoise(x, at(t, x))
        return found + of_noise * noise if eta else found

    rows = coefficients(process, times, eta=eta)
    return march(step, x, rows, noisy=eta > 0, generator=generator, observe=observe)


def ancestral(
    process: Process, x: Tensor, times: Tensor, *, generator: Generators = None, observe: Observer | None = None
) -> Tensor:
    """Ancestral sampling: noise anew at each step; one evaluation a step; see `genlab.samplers.process.Sampler`."""
    return ddim(process, x, times, eta=1.0, generator=generator, observe=observe)
