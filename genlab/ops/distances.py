"""Squared distances between many points, in pieces that fit in memory."""

from __future__ import annotations

import torch
from torch import Tensor

DIRECT = 8
"""Up to this many dimensions differences are squared one by one: ``|a|^2 - 2 a b + |b|^2`` would cancel digits."""

ENTRIES = 2**23
"""Distances held at once, 32 MiB."""


def chunks(points: int) -> int:
    """How many rows go against ``points`` points at once."""
    return max(1, ENTRIES // max(1, points))


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """``|a_i - b_j|^2``: ``(n, D), (m, D) -> (n, m)``; of centred points, whose lengths cost the fewest digits."""
    if a.shape[1] <= DIRECT:
        square = (a[:, :1] - b[:, 0]).square_()
        for d in range(1, a.shape[1]):
            square += (a[:, d, None] - b[:, d]).square_()
        return square
    rows, columns = a.square().sum(1, keepdim=True), b.square().sum(1)
    return torch.addmm(columns, a, b.T, alpha=-2).add_(rows).clamp_min_(0)
