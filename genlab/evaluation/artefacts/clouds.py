"""Samples of vectors: looked at all at once and against the data, not one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.data.dataset import DataSpec
from genlab.data.spaces import Space, Table, Vector
from genlab.evaluation.artefacts.figures import BINS, BLACK, BLUE, ORANGE, pairs
from genlab.evaluation.artefacts.grids import plane, render

LINE_POINTS = 400
"""Places at which a density on the line is drawn."""

LogProb = Callable[[Tensor], Tensor]


def is_cloud(space: Space) -> bool:
    """Whether samples are points, of which thousands are drawn at once."""
    return isinstance(space, Vector | Table)


def cloud(
    spec: DataSpec,
    samples: Tensor,
    *,
    data: Tensor | None,
    truth: Any | None = None,
    log_prob: LogProb | None = None,
    log_prob_name: str = "model density",
) -> np.ndarray:
    """Samples ``(n, D)`` against the data: a histogram, the plane, or one dimension against another.

    Args:
        spec: of the data.
        samples: drawn from the model.
        data: ``(m, D)`` examples beside them, or None.
        truth: the density that the data are drawn from, where it is known.
        log_prob: the model's log-density in nats, ``(m, D) -> (m,)``, or None; used in one and two dimensions.
        log_prob_name: what that is.
    """
    match spec.space:
        case Vector(1):
            return line(samples, spec, data=data, log_prob=log_prob, log_prob_name=log_prob_name)
        case Vector(2, None):
            return plane(samples, truth=truth, data=data, log_prob=log_prob, log_prob_name=log_prob_name)
    return pairs({**({} if data is None else {"data": data}), "samples": samples})


def line(
    samples: Tensor, spec: DataSpec, *, data: Tensor | None, log_prob: LogProb | None, log_prob_name: str
) -> np.ndarray:
    """Numbers ``(n, 1)`` as a histogram, that of the data behind it, and the model's density; ``(H, W, 3) uint8``."""
    from matplotlib.figure import Figure

    drawn = {"samples": samples} if data is None else {"data": data, "samples": samples}
    kept = {name: x[x.isfinite().all(1)].detach().double().cpu().flatten() for name, x in drawn.items()}
    both = torch.cat(list(kept.values()))
    low, high = (both.min().item(), both.max().item()) if len(both) else (0.0, 1.0)
    if spec.levels is None:
        at = torch.linspace(low, high if high > low else low + 1, LINE_POINTS)
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    else:  # a bin is so many levels, and the model's share of one is the mass of a level
        step = max(1, round((high - low + 1) / BINS))
        edges = np.arange(low, high + step + 1, step) - 0.5
        at = torch.arange(int(low), int(high) + 1)[:: max(1, step)]
    figure = Figure(figsize=(6.4, 4.0), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for (name, x), colour in zip(kept.items(), (BLUE, ORANGE)[2 - len(kept) :], strict=True):
        heights = np.histogram(x, edges)[0] / max(1, len(x)) / np.diff(edges)
        axes.stairs(heights, edges, color=colour, fill=name == "data", alpha=0.4 if name == "data" else 1, label=name)
    if log_prob is not None:
        values = log_prob(at[:, None].to(spec.dtype)).double().exp().cpu()
        axes.plot(at.double(), values, color=BLACK, linewidth=1, label=log_prob_name)
    lost = sum(len(x) - len(kept[name]) for name, x in drawn.items())
    axes.set(xlabel="x", ylabel="density" if spec.levels is None else "share of a level")
    axes.set_title(" and ".join(drawn) + (f", {lost} not finite" if lost else ""), fontsize=10)
    axes.legend(fontsize=8)
    return render(figure)
