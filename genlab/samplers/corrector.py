"""Predictor and corrector: a step of DDIM to less noise, then a Langevin step at that level.

The corrector moves towards what the score says of the level, and with noise, so that errors of earlier steps are
forgotten: with ``score = (alpha D - x) / sigma^2`` and a step ``e = 2 (r sigma)^2``,

    x <- x + e score(x) + sqrt(2 e) z,    z ~ N(0, I).

The paper takes ``e = 2 (r |z| / |score|)^2``: the same in many dimensions, where ``|score|`` is ``|z| / sigma``; here
no step depends on the noise that it adds. A level without noise is left as it is.

"Score-Based Generative Modeling through Stochastic Differential Equations", Y. Song, J. Sohl-Dickstein, D. P. Kingma,
A. Kumar, S. Ermon, B. Poole, 2021, https://arxiv.org/abs/2011.13456 (section 4.2, algorithm 4)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from genlab.ops.random import Generators
from genlab.samplers.ddim import coefficients
from genlab.samplers.process import Observer, Process, at, march

RATIO = 0.16
"""``r``, the paper's on pictures."""


def predictor_corrector(
    process: Process,
    x: Tensor,
    times: Tensor,
    *,
    ratio: float = RATIO,
    generator: Generators = None,
    observe: Observer | None = None,
) -> Tensor:
    """DDIM with a Langevin corrector: two evaluations a step; see `genlab.samplers.process.Sampler`."""
    r = 2 * ratio**2

    def step(x: Tensor, row: Sequence[Tensor], noise: Tensor) -> Tensor:
        t, of_x, of_d, s, alpha, sigma = row
        x = of_x * x + of_d * process.denoise(x, at(t, x))
        # e score = r (alpha D - x), which needs no division by sigma
        moved = x + r * (alpha * process.denoise(x, at(s, x)) - x) + (math.sqrt(2 * r) * sigma) * noise
        return torch.where(sigma > 0, moved, x)

    s = times[1:].double()
    rows = torch.cat(
        [
            coefficients(process, times, eta=0.0)[:, :3],
            torch.stack([s, process.path.alpha(s), process.path.sigma(s)], 1),
        ],
        1,
    )
    return march(step, x, rows, noisy=True, generator=generator, observe=observe)
