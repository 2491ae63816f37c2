"""Things that bounce in a square: where they are at each time, and pictures of it.

"Unsupervised Learning of Video Representations using LSTMs", N. Srivastava, E. Mansimov, R. Salakhutdinov, 2015,
https://arxiv.org/abs/1502.04681, section 4.1
"""

from __future__ import annotations

import torch
from torch import Tensor

SPEEDS = (0.05, 0.12)
"""Pixels a frame, as parts of the square's side."""


def paths(n: int, frames: int, *, room: float, side: int, generator: torch.Generator) -> Tensor:
    """Positions ``(n, frames, 2)`` of n things between 0 and ``room``, which go straight and are thrown back by walls.

    Args:
        n: how many, each with a place, a direction and a speed of its own.
        frames: how many times.
        room: the largest position, pixels.
        side: of the square, pixels; the unit of speeds.
        generator: of places, directions and speeds.
    """
    start = room * torch.rand(n, 1, 2, generator=generator, dtype=torch.float64)
    angle = 2 * torch.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    low, high = SPEEDS
    speed = side * (low + (high - low) * torch.rand(n, generator=generator, dtype=torch.float64))
    velocity = speed[:, None, None] * torch.stack([angle.cos(), angle.sin()], 1)[:, None]
    free = start + velocity * torch.arange(frames, dtype=torch.float64)[None, :, None]
    # a wall is a mirror: what has gone beyond it is as far on this side
    folded = free.remainder(2 * room) if room else torch.zeros_like(free)
    return torch.minimum(folded, 2 * room - folded)


def film(pictures: Tensor, positions: Tensor, *, side: int) -> Tensor:
    """Pictures at their positions, the brighter one where they overlap: ``(n, frames, side, side) uint8``.

    Args:
        pictures: ``(n, k, h, w) uint8``: k things in each clip.
        positions: ``(n, k, frames, 2)`` of their upper left corners, row and column, rounded to pixels.
        side: of the square.
    """
    n, k, height, width = pictures.shape
    corners = positions.round().long()
    found = torch.zeros(n, corners.shape[2], side, side, dtype=torch.uint8)
    for clip in range(n):
        for thing in range(k):
            picture = pictures[clip, thing]
            for frame, (top, left) in enumerate(corners[clip, thing].tolist()):
                place = found[clip, frame, top : top + height, left : left + width]
                torch.maximum(place, picture, out=place)
    return found
