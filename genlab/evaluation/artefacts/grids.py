"""Pictures of samples and densities: typed batches in, 8-bit arrays out; levels are never min-max normalised."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.evaluation.artefacts.thumbnails import thumbnails, window
from genlab.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_SIDE = 4 * 64
"""Small pictures are enlarged by whole factors until a row is at least this wide."""


def to_8bit(x: Tensor, spec: DataSpec) -> np.ndarray:
    """Examples ``(B, *event_shape)`` on the data's own scale as they look, ``(B, H, W, 1 or 3) uint8``."""
    return thumbnails(spec.space, x, window(spec.space, [x]))


def grid(x: Tensor, spec: DataSpec, *, columns: int | None = None, pad: int = 1) -> np.ndarray:
    """Examples side by side: ``(B, *event_shape) -> (rows, columns, 3) uint8``, enlarged by a whole factor if small."""
    return stacked([x], spec, columns=columns or fitting_columns(x, spec), pad=pad)


def fitting_columns(x: Tensor, spec: DataSpec) -> int:
    """As many as make a sheet of ``x (B, *event_shape)`` about square."""
    height, width = to_8bit(x[:1], spec).shape[1:3]
    return max(1, math.ceil(math.sqrt(len(x) * height / width)))


def stacked(parts: Sequence[Tensor], spec: DataSpec, *, columns: int = 8, pad: int = 1) -> np.ndarray:
    """Rows of the parts in turn: the i-th example of each stands exactly below that of the part before, for any B.

    Args:
        parts: ``(B, *event_shape)`` each, on the data's own scale; see `genlab.evaluation.artefacts.thumbnails`.
        spec: the data's type.
        columns: pictures in a row.
        pad: pixels between pictures; what no picture covers is dark grey.

    Returns:
        ``(rows, columns, 3) uint8``, enlarged by a whole factor if small.
    """
    n = len(parts[0])
    columns = min(columns, n)
    rows = math.ceil(n / columns) * len(parts)
    scale = window(spec.space, parts)
    looks = [thumbnails(spec.space, part, scale) for part in parts]
    height, width = looks[0].shape[1:3]
    sheet = np.full((rows * (height + pad) + pad, columns * (width + pad) + pad, 3), 64, np.uint8)
    for number, look in enumerate(looks):
        for i, picture in enumerate(look):
            row, column = i // columns * len(parts) + number, i % columns
            top, left = row * (height + pad) + pad, column * (width + pad) + pad
            sheet[top : top + height, left : left + width] = picture
    factor = max(1, math.ceil(MIN_SIDE / sheet.shape[1]))
    return sheet.repeat(factor, 0).repeat(factor, 1)


def encoded(picture: np.ndarray) -> bytes:
    """``(H, W, 3) uint8``, or ``(H, W, 1)`` in grey, as a PNG; the same pixels give the same bytes.

    Raises:
        ValueError: it is of another shape.
    """
    from PIL import Image

    if picture.ndim != 3 or picture.shape[-1] not in (1, 3):
        raise ValueError(f"a picture of shape {picture.shape}, not (H, W, 3) or (H, W, 1)")
    buffer = io.BytesIO()
    Image.fromarray(picture if picture.shape[-1] == 3 else picture[..., 0]).save(buffer, format="PNG")
    return buffer.getvalue()


def save_png(path: Path, picture: np.ndarray) -> Path:
    """Write ``(H, W, 3) uint8``, or ``(H, W, 1)`` in grey; the same pixels give the same bytes.

    Raises:
        TrainingError: the disk is full, and the like.
    """
    with atomic.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, encoded(picture), durable=False)
    return path


def save(folder: Path, name: str, made: np.ndarray | bytes) -> Path:
    """Write a picture as ``name.png``; or what else was made, whose name has an ending of its own.

    Raises:
        TrainingError: the disk is full, and the like.
    """
    if isinstance(made, np.ndarray):
        return save_png(folder / f"{name}.png", made)
    with atomic.disk_errors(folder / name):
        folder.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(folder / name, made, durable=False)
    return folder / name


def render(figure: Figure) -> np.ndarray:
    """A figure as ``(H, W, 3) uint8``; the same figure gives the same pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def mesh(bounds: tuple[float, float, float, float], resolution: int) -> Tensor:
    """Centres of a ``resolution x resolution`` grid of cells over ``(xmin, xmax, ymin, ymax)``: ``(R * R, 2)``."""
    xmin, xmax, ymin, ymax = bounds
    step = (torch.arange(resolution) + 0.5) / resolution
    xs, ys = xmin + step * (xmax - xmin), ymin + step * (ymax - ymin)
    yy, xx = torch.meshgrid(ys, xs, indexing="ij")
    return torch.stack([xx.flatten(), yy.flatten()], 1)


@lru_cache(maxsize=8)
def _true_density(truth: Any, resolution: int) -> np.ndarray:
    # quadrature along a curve takes seconds, and every validation of a run shows the same panel
    return truth.log_prob(mesh(truth.bounds, resolution)).exp().reshape(resolution, resolution).numpy()


def plane(
    samples: Tensor,
    *,
    truth: Any | None,
    log_prob: Callable[[Tensor], Tensor] | None,
    log_prob_name: str = "model density",
    data: Tensor | None = None,
    resolution: int = 100,
) -> np.ndarray:
    """Two-dimensional samples and the model's density beside the true density, as one ``(H, W, 3) uint8`` picture.

    Args:
        samples: ``(n, 2)`` drawn from the model.
        truth: the true density with ``log_prob``, ``sample`` and ``bounds``, or None.
        log_prob: the model's log-density in nats, ``(m, 2) -> (m,)``, or None where it has none.
        log_prob_name: what that is, e.g. "bound on the density, K=100".
        data: ``(m, 2)`` examples that are shown where the truth is not known.
        resolution: cells per side of the density pictures.
    """
    from matplotlib.figure import Figure

    points = samples.detach().cpu()
    if truth is not None:
        bounds = truth.bounds
    else:
        both = points if data is None else torch.cat([points, data.cpu().to(points.dtype)])
        both = both[both.isfinite().all(1)]
        low, high = both.min(0).values.tolist(), both.max(0).values.tolist()
        bounds = (low[0], high[0], low[1], high[1])
    panels: list[tuple[str, np.ndarray | None, Tensor | None]] = []
    where = mesh(bounds, resolution)
    shape = (resolution, resolution)
    if truth is not None:
        panels.append(("true density", _true_density(truth, resolution), None))
    if log_prob is not None:
        panels.append((log_prob_name, log_prob(where).double().exp().cpu().reshape(shape).numpy(), None))
    if truth is not None:
        drawn = truth.sample(len(points), generator=torch.Generator().manual_seed(0))
        panels.append(("true samples", None, drawn))
    elif data is not None:
        panels.append(("data", None, data.cpu()))
    panels.append(("model samples", None, points))
    # one colour scale: the eye compares densities only if the same colour is the same value
    top = max((float(p.max()) for _, p, _ in panels if p is not None), default=1.0)
    figure = Figure(figsize=(3.2 * len(panels), 3.4), dpi=110, layout="constrained")
    for i, (title, density, scatter) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), i + 1)
        if density is not None:
            axes.imshow(density, origin="lower", extent=bounds, cmap="viridis", vmin=0, vmax=top)
        elif scatter is not None:
            axes.scatter(scatter[:, 0], scatter[:, 1], s=dot(len(scatter)), color="#0072B2", linewidths=0)
        axes.set(xlim=bounds[:2], ylim=bounds[2:], title=title, aspect="equal")
        axes.tick_params(labelsize=7)
    return render(figure)


def dot(n: int) -> float:
    """Area of each of n points in square points of type: that of thousands hides no shape, that of few can be seen."""
    return min(16.0, max(1.0, 1000 / max(1, n)))


def scatter(clouds: Sequence[Tensor], *, bounds: tuple[float, float, float, float]) -> np.ndarray:
    """Clouds of points ``(n, 2)`` side by side in the same window, ``(H, W, 3) uint8``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.4 * len(clouds), 2.4), dpi=100, layout="constrained")
    for i, cloud in enumerate(clouds):
        axes = figure.add_subplot(1, len(clouds), i + 1)
        axes.scatter(cloud[:, 0], cloud[:, 1], s=dot(len(cloud)), color="#0072B2", linewidths=0)
        axes.set(xlim=bounds[:2], ylim=bounds[2:], xticks=[], yticks=[], aspect="equal")
    return render(figure)
