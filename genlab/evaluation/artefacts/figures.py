"""Figures that explain a model: axes, colours and a scale where a plain sheet of pictures would not say enough.

Colours are those of M. Okabe, K. Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/, which readers
with colour-blindness tell apart; more classes than colours take another marker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.evaluation.artefacts.grids import dot, grid, render

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

CLASS_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, BLACK)
MARKERS = "o^sDv"
"""Seven colours and five markers tell 35 classes apart."""

BINS = 60


class Plane(NamedTuple):
    """Codes as points in the plane.

    Attributes:
        points: ``(N, 2)``.
        axes: what the two coordinates are, for the labels of the axes.
    """

    points: Tensor
    axes: tuple[str, str]


def in_plane(codes: Tensor) -> Plane:
    """Codes ``(N, d)``: as they are up to d = 2, otherwise their two leading principal components (of one code: z).

    The sign of a component is arbitrary; here its largest loading is positive, so that pictures repeat.
    """
    if codes.shape[1] == 2 or (codes.shape[1] > 2 and len(codes) < 2):
        return Plane(codes[:, :2], ("z 1", "z 2"))
    if codes.shape[1] == 1:
        return Plane(torch.cat([codes, torch.zeros_like(codes)], 1), ("z 1", ""))
    centred = codes.double() - codes.double().mean(0)
    _, singular, axes = torch.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    axes = axes * axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    share = singular.square() / singular.square().sum().clamp_min(1e-300)
    first, second = (f"principal component {i + 1} ({100 * share[i].item():.0f}% of the variance)" for i in range(2))
    return Plane(centred @ axes.T, (first, second))


def latent_scatter(codes: Tensor, y: Tensor | None, *, title: str) -> np.ndarray:
    """Codes ``(N, d)`` in the plane, coloured by class ``y: (N,)``; ``(H, W, 3) uint8``."""
    from matplotlib.figure import Figure

    plane = in_plane(codes)
    points = plane.points.numpy()
    figure = Figure(figsize=(6.4, 5.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    classes = [] if y is None else y.unique().tolist()
    if y is None or len(classes) > len(CLASS_COLOURS) * len(MARKERS):
        axes.scatter(points[:, 0], points[:, 1], s=8, color=BLUE, linewidths=0)
    else:
        for i, label in enumerate(classes):
            of = (y == label).numpy()
            colour, marker = CLASS_COLOURS[i % len(CLASS_COLOURS)], MARKERS[i // len(CLASS_COLOURS)]
            axes.scatter(points[of, 0], points[of, 1], s=14, color=colour, marker=marker, linewidths=0, label=label)
        figure.legend(loc="outside right upper", title="class", ncols=math.ceil(len(classes) / 20), markerscale=1.6)
    axes.set(xlabel=plane.axes[0], ylabel=plane.axes[1], title=title)
    return render(figure)


PAIRED = 4
"""Dimensions of vectors that are drawn against each other: the first ones."""


def pairs(clouds: Mapping[str, Tensor]) -> np.ndarray:
    """Vectors ``(n, D)`` by name, one dimension against another, and each alone as a histogram; ``(H, W, 3) uint8``.

    Of more than `PAIRED` dimensions the first are drawn; vectors that are not finite are counted in the title.
    """
    from matplotlib.figure import Figure

    dim = next(iter(clouds.values())).shape[1]
    kept = {name: x[x.isfinite().all(1), :PAIRED].detach().double().cpu() for name, x in clouds.items()}
    drawn = min(dim, PAIRED)
    both = torch.cat(list(kept.values()))
    figure = Figure(figsize=(2.2 * drawn + 0.6, 2.2 * drawn + 0.8), dpi=100, layout="constrained")
    axes = figure.subplots(drawn, drawn, squeeze=False)
    for i in range(drawn):
        low, high = (both[:, i].min().item(), both[:, i].max().item()) if len(both) else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        for j in range(drawn):
            panel = axes[i, j]
            panel.tick_params(labelsize=6)
            for (name, x), colour in zip(kept.items(), (BLUE, ORANGE), strict=False):
                if i == j:
                    panel.stairs(np.histogram(x[:, i], edges)[0] / max(1, len(x)), edges, color=colour, label=name)
                elif j < i:
                    panel.scatter(x[:, j], x[:, i], s=dot(len(x)), color=colour, linewidths=0)
            panel.set_axis_on() if j <= i else panel.set_axis_off()
            if i == drawn - 1:
                panel.set_xlabel(f"x {j + 1}", fontsize=7)
    lost = sum(len(x) - len(kept[name]) for name, x in clouds.items())
    notes = [f"the first {drawn} of {dim} dimensions"] if dim > drawn else []
    notes += [f"{lost} not finite"] if lost else []
    figure.suptitle(f"{' and '.join(clouds)}{''.join(f', {note}' for note in notes)}", fontsize=9)
    if len(clouds) > 1:
        axes[0, 0].legend(fontsize=6)
    return render(figure)


def bits_map(x: Tensor, bits: Tensor, spec: DataSpec, *, columns: int = 4) -> np.ndarray:
    """Pictures beside what each of their pixels costs.

    Args:
        x: ``(B, C, H, W)`` typed pictures.
        bits: ``(B, C, H, W)`` bits of each channel; a pixel's are their sum.
        spec: the data's type.
        columns: pictures in a row.
    """
    from matplotlib.figure import Figure

    cost = bits.detach().double().cpu().sum(1)
    n, height, width = cost.shape
    rows = math.ceil(n / columns)
    # one sheet with one colour scale, empty between the pictures; NaN stays uncoloured
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for i, picture in enumerate(cost.numpy()):
        top, left = (i // columns) * (height + 1), (i % columns) * (width + 1)
        sheet[top : top + height, left : left + width] = picture
    side = 4.2
    figure = Figure(
        figsize=(2 * side + 1.1, side * rows / columns * height / width + 0.5), dpi=110, layout="constrained"
    )
    left_axes, right_axes = figure.subplots(1, 2)
    left_axes.imshow(grid(x, spec, columns=columns), interpolation="nearest")
    left_axes.set(title="test pictures", xticks=[], yticks=[])
    image = right_axes.imshow(sheet, cmap="cividis", vmin=min(0.0, float(np.nanmin(sheet))), interpolation="nearest")
    mean = cost.sum((1, 2)).mean().item()
    right_axes.set(title=f"cost of each pixel, {mean:.0f} bits a picture", xticks=[], yticks=[])
    figure.colorbar(image, ax=right_axes, label="bits per pixel", shrink=0.9)
    return render(figure)


class Compared(NamedTuple):
    """A score of two sets.

    Attributes:
        title: above the panel.
        about: what the score is, below it.
        inside: ``(n,)`` values of the one set.
        outside: ``(m,)`` of the other.
    """

    title: str
    about: str
    inside: Tensor
    outside: Tensor


def histograms(scores: Sequence[Compared], *, names: tuple[str, str]) -> np.ndarray:
    """How scores are distributed in two sets, called ``names``: one panel each, ``(H, W, 3) uint8``."""
    from matplotlib.figure import Figure

    columns = min(2, len(scores))
    rows = math.ceil(len(scores) / columns)
    figure = Figure(figsize=(4.6 * columns, 3.0 * rows + 0.4), dpi=110, layout="constrained")
    handles: Sequence = ()
    for i, score in enumerate(scores):
        axes = figure.add_subplot(rows, columns, i + 1)
        parts = [part[part.isfinite()].double().numpy() for part in (score.inside, score.outside)]
        both = np.concatenate(parts)
        low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        handles = [
            axes.stairs(np.histogram(part, edges)[0] / max(1, len(part)), edges, fill=True, color=colour, alpha=0.6)
            for part, colour in zip(parts, (BLUE, ORANGE), strict=True)
        ]
        axes.set_title(score.title, fontsize=10)
        axes.set_xlabel(score.about, fontsize=8)
        axes.set_ylabel("share of examples", fontsize=8)
        axes.tick_params(labelsize=7)
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return render(figure)


def grid_flow(stages: Sequence[Tensor], titles: Sequence[str], *, lines: int, samples: Sequence[Tensor]) -> np.ndarray:
    """A grid on its way through a map of the plane: one panel per stage, ``(H, W, 3) uint8``.

    Args:
        stages: ``(2 lines * points, 2)`` each: ``lines`` lines one way and as many the other, ``points`` points each;
            NaN where a line is not drawn.
        titles: of the stages.
        lines: number of lines each way.
        samples: ``(n, 2)`` each: what random points have become at that stage.
    """
    from matplotlib.figure import Figure

    columns = min(4, len(stages))
    rows = math.ceil(len(stages) / columns)
    figure = Figure(figsize=(3.2 * columns, 3.4 * rows), dpi=110, layout="constrained")
    for i, (stage, title, cloud) in enumerate(zip(stages, titles, samples, strict=True)):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.scatter(cloud[:, 0], cloud[:, 1], s=1.5, color="0.65", linewidths=0)
        for k, line in enumerate(stage.view(2 * lines, -1, 2).numpy()):
            axes.plot(line[:, 0], line[:, 1], color=BLUE if k < lines else VERMILLION, linewidth=0.7)
        axes.set(title=title, aspect="equal")
        axes.tick_params(labelsize=7)
    return render(figure)
