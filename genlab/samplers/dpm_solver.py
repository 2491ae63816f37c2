"""DPM-Solver++ of second order with two steps in memory (2M): one evaluation a step, and an error that falls as h^2.

In ``lambda = log(alpha / sigma)`` the flow is linear in x but for the denoiser, which is extrapolated from the last two
steps: from t to s, with ``h = lambda_s - lambda_t`` and r the h of the step before over this one's,

    x_s = (sigma_s / sigma_t) x - alpha_s (e^{-h} - 1) D',     D' = D_t + (D_t - D_before) / 2r.

The first step has nothing behind it, and where lambda is infinite (no noise, or nothing but noise) r says nothing:
there ``D' = D_t``, which is DDIM.

"DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", C. Lu, Y. Zhou, F. Bao, J. Chen,
C. Li, J. Zhu, 2022, https://arxiv.org/abs/2211.01095 (algorithm 2)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genlab.ops.random import Generators
from genlab.samplers.ddim import coefficients
from genlab.samplers.process import Observer, Process, at, march


def dpm_solver(
    process: Process, x: Tensor, times: Tensor, *, generator: Generators = None, observe: Observer | None = None
) -> Tensor:
    """DPM-Solver++(2M); see `genlab.samplers.process.Sampler`."""
    before = torch.zeros_like(x)

    def step(x: Tensor, row: Sequence[Tensor], _: Tensor) -> Tensor:
        t, of_x, of_d, ahead = row
        now = process.denoise(x, at(t, x))
        found = of_x * x + of_d * (now + ahead * (now - before))
        before.copy_(now)
        return found

    rows = coefficients(process, times, eta=0.0)
    rows[:, 3] = _ahead(process, times)
    return march(step, x, rows, observe=observe)


def _ahead(process: Process, times: Tensor) -> Tensor:
    """``1 / 2r`` of each step, 0 where there is no r; ``(steps,)`` float64."""
    times = times.double()
    h = (process.path.alpha(times).log() - process.path.sigma(times).log()).diff()
    found = torch.zeros_like(h)
    found[1:] = h[1:] / (2 * h[:-1])
    return torch.where(found.isfinite() & h.isfinite(), found, 0.0)
