"""What is gained by spending more: lines of quality against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genlab.evaluation.artefacts.figures import CLASS_COLOURS, MARKERS
from genlab.evaluation.artefacts.grids import render


def tradeoff(
    lines: Mapping[str, Sequence[tuple[int, float]]], *, cost: str, quality: str, floor: float | None, floor_name: str
) -> np.ndarray:
    """Lines ``[(cost, quality), ...]`` by name on logarithmic axes, ``(H, W, 3) uint8``.

    Args:
        lines: by the names that the legend has.
        cost: below the axis.
        quality: beside the other.
        floor: what cannot be told from the best; a dashed line. None: it is not known.
        floor_name: what it is.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for i, (name, line) in enumerate(lines.items()):
        colour, marker = CLASS_COLOURS[i % len(CLASS_COLOURS)], MARKERS[i % len(MARKERS)]
        axes.plot(*zip(*line, strict=True), color=colour, marker=marker, markersize=5, linewidth=1.2, label=name)
    if floor is not None:
        axes.axhline(floor, color="0.5", linestyle="--", linewidth=1, label=floor_name)
    costs = sorted({each for line in lines.values() for each, _ in line})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(costs, [str(each) for each in costs])
    axes.set(xlabel=cost, ylabel=quality)
    axes.grid(visible=True, which="major", linewidth=0.3)
    axes.legend(fontsize=8)
    return render(figure)
