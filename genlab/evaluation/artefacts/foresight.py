"""Figures of forecasts: scores against time, the rank of the truth, and what was foreseen beside what came."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import Video
from genlab.evaluation.artefacts.figures import BLUE, VERMILLION
from genlab.evaluation.artefacts.grids import render
from genlab.evaluation.ensembles import Forecasts, ahead, measured, unit

COLUMNS = 10
"""Frames in a sheet."""

MEMBERS = 3
"""Members that are shown one by one."""

SIDE = 1.15
"""Inches of a picture in a sheet."""

FRAME_MS, LAST_MS = 350, 1200

RAIN_TICKS = (0, 0.5, 2, 8, 29.4)


def curves(space: Video, along: Mapping[str, Mapping[str, Tensor]], *, unit: str) -> np.ndarray:
    """Scores ``(F,)`` of the model and of persistence against time, a panel for each title; ``(H, W, 3) uint8``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * len(along), 3.2), dpi=110, layout="constrained")
    for i, (title, each) in enumerate(along.items()):
        axes = figure.add_subplot(1, len(along), i + 1)
        for (name, values), colour, line in zip(each.items(), (BLUE, VERMILLION), ("-o", "--s"), strict=False):
            times = torch.arange(1, len(values) + 1) * (space.minutes or 1)
            axes.plot(times, values, line, color=colour, label=name.removeprefix("_"), markersize=4)
        axes.set(title=title, xlabel="frame" if space.minutes is None else "minutes ahead", ylabel=unit)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
    return render(figure)


def rank_bars(shares: Tensor) -> np.ndarray:
    """The histogram of the truth's rank, ``(M + 1,)`` shares, with the flat line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.bar(range(len(shares)), shares.numpy(), color=BLUE, width=0.9)
    axes.axhline(1 / len(shares), color=VERMILLION, linestyle="--", label="as likely as any member")
    axes.set(xlabel="members below the truth", ylabel="share of pixels", title="rank of the truth")
    axes.legend(fontsize=8)
    return render(figure)


class Row(NamedTuple):
    """One row of a sheet.

    Attributes:
        title: on its left.
        frames: ``(P + F, H, W, 3) uint8`` as they are drawn.
    """

    title: str
    frames: np.ndarray


def rows(found: Forecasts, example: int) -> list[Row]:
    """What is shown of one example: truth, the mean, the spread, and the first members, each after the past."""
    space = found.space
    past, truth = (drawn(space, measured(space, each[example])) for each in (found.past, found.truth))
    nothing = np.full_like(past, 255)
    made = [Row("truth", np.concatenate([past, truth]))]
    if len(found.members) == 1:
        return [
            *made,
            Row("forecast", np.concatenate([nothing, drawn(space, measured(space, found.members[0, example]))])),
        ]
    mean, spread = (drawn(space, each[example]) for each in (found.mean(), found.spread()))
    made += [Row("mean", np.concatenate([nothing, mean])), Row("spread", np.concatenate([nothing, spread]))]
    for i, member in enumerate(found.members[:MEMBERS]):
        made.append(Row(f"member {i + 1}", np.concatenate([nothing, drawn(space, measured(space, member[example]))])))
    return made


def drawn(space: Video, x: Tensor) -> np.ndarray:
    """Measured frames ``(F, C, H, W)`` in colours of rain, or as they are: ``(F, H, W, 3) uint8``."""
    if space.measure == "rain":
        return (255 * _rain()(_scale(x[:, 0]))[..., :3]).round().astype(np.uint8)
    low, high = (0.0, 1.0) if space.levels is not None else (x.min().item(), x.max().item())
    shown = ((x - low) / max(high - low, 1e-12)).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    shown = shown if shown.shape[-1] == 3 else shown[..., :1].repeat(3, -1)
    return (255 * shown).round().astype(np.uint8)


def _rain() -> Any:
    from matplotlib import colormaps

    return colormaps["cividis"]


def _scale(x: Tensor) -> np.ndarray:
    """Rates in mm/h on [0, 1], by their logarithm."""
    from genlab.data.video.rain import MOST, STEP

    return (torch.log1p(x / STEP) / np.log1p(MOST / STEP)).clamp(0, 1).numpy()


def times(found: Forecasts) -> list[str]:
    """What is written above each frame."""
    past, future = found.past.shape[1], found.truth.shape[1]
    if found.space.minutes is None:
        return [f"{i - past + 1}" for i in range(past)] + [f"+{i + 1}" for i in range(future)]
    return [f"{(i - past + 1) * found.space.minutes:g} min" for i in range(past)] + [
        f"+{ahead(found.space, i)}" for i in range(future)
    ]


def sheet(found: Forecasts, examples: Sequence[int]) -> np.ndarray:
    """Frames of some examples from left to right, the known ones first; below what came stands what was told.

    Of many frames every so many are shown. ``(H, W, 3) uint8``
    """
    from matplotlib.figure import Figure

    every = [row for example in examples for row in rows(found, example)]
    titles = times(found)
    at = np.unique(np.linspace(0, len(titles) - 1, min(COLUMNS, len(titles))).round().astype(int))
    rain = found.space.measure == "rain"
    figure = Figure(figsize=(SIDE * len(at) + 0.9 + 0.8 * rain, SIDE * len(every) + 0.4), dpi=100, layout="constrained")
    panels = figure.subplots(len(every), len(at), squeeze=False)
    for row, line in zip(every, panels, strict=True):
        for column, axes in zip(at, line, strict=True):
            axes.imshow(row.frames[column], interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(row.title, fontsize=9)
    for column, axes in zip(at, panels[0], strict=True):
        axes.set_title(titles[column], fontsize=8)
    if rain:
        _bar(figure, panels)
    return render(figure)


def _bar(figure: Any, panels: Any) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap=_rain()), ax=panels, shrink=0.6, pad=0.01)
    bar.set_ticks(_scale(torch.tensor(RAIN_TICKS)).tolist(), labels=[f"{each:g}" for each in RAIN_TICKS], fontsize=8)
    bar.set_label("mm/h", fontsize=8)


def film(found: Forecasts, examples: Sequence[int]) -> bytes:
    """The same as a GIF: truth, forecast, spread and members side by side, an example below the other."""
    from PIL import Image

    pictures = [Image.fromarray(each).quantize(128) for each in _frames(found, examples)]
    buffer = io.BytesIO()
    lasting = [FRAME_MS] * (len(pictures) - 1) + [LAST_MS]
    pictures[0].save(
        buffer, format="GIF", save_all=True, append_images=pictures[1:], duration=lasting, loop=0, optimize=False
    )
    return buffer.getvalue()


def _frames(found: Forecasts, examples: Sequence[int]) -> Iterator[np.ndarray]:
    from matplotlib.figure import Figure

    table = [rows(found, example) for example in examples]
    for t, title in enumerate(times(found)):
        figure = Figure(figsize=(2 * SIDE * len(table[0]), 2 * SIDE * len(table) + 0.5), dpi=72, layout="constrained")
        panels = figure.subplots(len(table), len(table[0]), squeeze=False)
        for number, (line, each) in enumerate(zip(panels, table, strict=True)):
            for axes, row in zip(line, each, strict=True):
                axes.imshow(row.frames[t], interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                if number == 0:
                    axes.set_title(row.title, fontsize=11)
        measure = f", {unit(found.space)}" if found.space.measure == "rain" else ""
        figure.suptitle(f"{title}{'' if found.space.minutes else ' frames'}{measure}", fontsize=11)
        yield render(figure)
