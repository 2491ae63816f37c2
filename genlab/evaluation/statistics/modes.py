"""Which modes of a mixture a model's samples reach.

A sample is on a mode if it lies within three standard deviations of it; a mode is covered if some sample is on it.

"VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning", A. Srivastava, L. Valkov, C. Russell,
M. U. Gutmann, C. Sutton, 2017, https://arxiv.org/abs/1705.07761
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.evaluation.statistics import estimate
from genlab.evaluation.statistics.estimate import Estimate
from genlab.ops.distances import squared_distances

RADIUS = 3.0
"""In standard deviations."""

PERFECT = 1 - math.exp(-(RADIUS**2) / 2)
"""Share of a Gaussian in the plane within `RADIUS`: 98.9% of a perfect model's samples are on a mode."""


class Modes(NamedTuple):
    """What samples say of the modes.

    Attributes:
        counts: samples on each mode, ``(K,) int64``.
        on_a_mode: the share of samples that are on one.
        coverage: the share of modes with a sample on them. Its error is the bootstrap's, in closed form: of n samples
            drawn again none is on a mode with c of them with probability ``(1 - c / n)^n``. Whether a mode without
            any is covered by a larger sample, it cannot tell.
    """

    counts: Tensor
    on_a_mode: Estimate
    coverage: Estimate

    @property
    def covered(self) -> int:
        """Number of modes with a sample on them."""
        return int((self.counts > 0).sum())


def modes(samples: Tensor, centres: Tensor, sigma: float) -> Modes:
    """Assign samples ``(n, D)`` to the nearest of ``centres: (K, D)``, if that is within three ``sigma``."""
    square = squared_distances(samples.double(), centres.double())
    nearest, index = square.min(1)
    on = nearest <= (RADIUS * sigma) ** 2
    counts = torch.bincount(index[on], minlength=len(centres))
    return Modes(counts, estimate.mean(on), _coverage(counts, len(samples)))


def _coverage(counts: Tensor, n: int) -> Estimate:
    share = counts.double() / n
    missed = (1 - share) ** n
    both = (1 - share[:, None] - share).clamp_min(0) ** n
    covariance = both - missed[:, None] * missed
    covariance.diagonal().copy_(missed * (1 - missed))
    error = math.sqrt(max(0.0, covariance.sum().item())) / len(counts)
    return Estimate((counts > 0).double().mean().item(), error)
