"""Rain rates as the levels of a picture: even steps of their logarithm, as meteorologists draw them.

    level(r) = (L - 1) ln(1 + r / u) / ln(1 + R / u),     u = 0.12 mm/h, R = 29.4 mm/h

u is the finest step of the radar's product, 0.01 mm in 5 minutes, and R the largest rate that is told. Of 256 levels, 0
is dry, 83 is 0.6 mm/h, 131 is 1.9 mm/h; each rate of the product below 5 mm/h has a level of its own, and above it is
kept to about 1 %. On an even scale half of all rain would be in the first 2 % of the levels, and no model would see it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

STEP = 0.12
"""u, mm/h."""

MOST = 29.4
"""R, mm/h."""

SPAN = math.log1p(MOST / STEP)


def levels_of(rate: Tensor, levels: int = 256) -> Tensor:
    """Rates in mm/h, 0 or more, as the nearest level, float; what is above `MOST` is the last one."""
    return ((levels - 1) * torch.log1p(rate / STEP) / SPAN).round().clamp(max=levels - 1)


def rate_of(level: Tensor, levels: int = 256) -> Tensor:
    """Levels, whole or not, as rates in mm/h, float; what is below the first or above the last one is cut."""
    scaled = level.to(torch.float32).clamp(0, levels - 1) * (SPAN / (levels - 1))
    return STEP * torch.expm1(scaled)
