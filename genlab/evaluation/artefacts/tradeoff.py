"""What is gained by spending more: lines of quality against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genlab.evaluation.artefacts.figures import CLASS_COLOURS, MARKERS
from genlab.evaluation.artefacts.grids import render

STYLES = ("-", ":")
"""Of the lines with the first seven colours, and of those with the same ones again."""

SPAN = 40
"""Axes whose ends are no further apart than this have numbers between the powers of ten."""


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
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=(6.4, 4.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for i, (name, line) in enumerate(lines.items()):
        again, which = divmod(i, len(CLASS_COLOURS))
        (drawn,) = axes.plot(*zip(*line, strict=True), markersize=5, linewidth=1.2, label=name)
        drawn.set(color=CLASS_COLOURS[which], marker=MARKERS[i % len(MARKERS)], linestyle=STYLES[again % len(STYLES)])
    if floor is not None:
        axes.axhline(floor, color="0.5", linestyle="--", linewidth=1, label=floor_name)
    costs = sorted({each for line in lines.values() for each, _ in line})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(costs, [str(each) for each in costs])
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(plain)
    low, high = axes.get_ylim()
    axes.yaxis.set_minor_formatter(plain if high < SPAN * low else NullFormatter())
    axes.set(xlabel=cost, ylabel=quality)
    axes.grid(visible=True, which="major", linewidth=0.3)
    axes.legend(fontsize=8)
    return render(figure)
