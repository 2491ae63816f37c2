"""Pictures of Markov chains on their way: a strip, one column per time, and an animation."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import Tensor

from genlab.data.dataset import DataSpec
from genlab.data.spaces import Vector
from genlab.evaluation.artefacts.grids import grid, scatter

COLUMNS = 10
"""Times in a strip."""

ROWS = 8
"""Chains in a strip, but for points in the plane, of which it shows all."""

GIF_FRAMES = 20
FRAME_MS = 120
LAST_MS = 1500


def every(frames: Tensor, count: int) -> Tensor:
    """``count`` equally spaced ones of ``frames``, the first and the last among them."""
    return frames[torch.linspace(0, len(frames) - 1, min(count, len(frames))).round().long()]


def strip(frames: Tensor, spec: DataSpec) -> np.ndarray:
    """Chains over time, left to right: ``(frames, n, *event) -> (H, W, 3) uint8``; a row per chain, or a cloud."""
    shown = every(frames, COLUMNS)
    if spec.space == Vector(2):
        return scatter(list(shown), bounds=_bounds(frames))
    return grid(shown[:, :ROWS].transpose(0, 1).flatten(0, 1), spec, columns=len(shown))


def animation(frames: Tensor, spec: DataSpec) -> bytes:
    """The same as a GIF, all chains at once; the last frame stays for a while."""
    from PIL import Image

    shown = every(frames, GIF_FRAMES)
    bounds = _bounds(frames) if spec.space == Vector(2) else None
    sheets = [grid(each, spec) if bounds is None else scatter([each], bounds=bounds) for each in shown]
    first, *rest = [Image.fromarray(sheet).quantize(64) for sheet in sheets]
    buffer = io.BytesIO()
    times = [FRAME_MS] * len(rest) + [LAST_MS]
    first.save(buffer, format="GIF", save_all=True, append_images=rest, duration=times, loop=0, optimize=False)
    return buffer.getvalue()


def _bounds(frames: Tensor) -> tuple[float, float, float, float]:
    points = frames.flatten(0, 1)
    (xmin, ymin), (xmax, ymax) = points.amin(0).tolist(), points.amax(0).tolist()
    return xmin, xmax, ymin, ymax
