"""Piano rolls as a figure: time from left to right, high keys at the top, a line at every C."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from genlab.data.spaces import Frames
from genlab.evaluation.artefacts.grids import render
from genlab.evaluation.artefacts.thumbnails import window

SHOWN = 4
"""Rolls below each other, at most."""

FRAMES_SHOWN = 480
"""Frames of a roll, at most: of more none could be seen."""

OCTAVES_SHOWN = 2
"""At least, so that a few notes do not look like wide leaps."""

NOTE = np.array([0x00, 0x4F, 0x8A])
WHITE_KEY, BLACK_KEY = 255, 240
BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
"""Semitones above a C."""

NOTHING = "#d7d7d7"
"""What comes after a piece has ended."""


def rolls(space: Frames, x: Tensor, lengths: Tensor | None = None, *, names: Sequence[str] | None = None) -> np.ndarray:
    """Piano rolls ``x (B, L, W)`` below each other, the first `SHOWN` of them, ``(H, W, 3) uint8``.

    Args:
        space: knows its keys; where it knows its rate, time is in seconds.
        x: on the data's own scale; between silence and the highest level a note is the paler the lower its value.
        lengths: ``(B,)`` frames of each; what comes after them is not drawn.
        names: of each; None: "sample 1" and so on.
    """
    from matplotlib.figure import Figure

    assert space.first_key is not None
    x = x[:SHOWN]
    long = [x.shape[1]] * len(x) if lengths is None else lengths[:SHOWN].tolist()
    strength = window(space, [x]).unit(x).numpy()
    parts = [each[:length] for each, length in zip(strength, long, strict=True)]
    low, high = _range(parts, space.first_key)
    frame = 1.0 if space.rate is None else 1.0 / space.rate
    figure = Figure(figsize=(9.2, 0.5 + len(x) * (0.5 + 0.028 * (high - low))), dpi=100, layout="constrained")
    panels = figure.subplots(len(x), 1, sharex=True, squeeze=False)[:, 0]
    names = names or [f"sample {i + 1}" for i in range(len(x))]
    for axes, part, name in zip(panels, parts, names, strict=False):
        shown = part[:FRAMES_SHOWN]
        if len(shown):
            edges = (0, len(shown) * frame, space.first_key - 0.5, space.first_key + space.width - 0.5)
            axes.imshow(_inked(shown, space.first_key), extent=edges, origin="lower", aspect="auto")
        every_c = [key for key in range(low, high + 1) if key % 12 == 0]
        axes.hlines([key - 0.5 for key in every_c], 0, FRAMES_SHOWN * frame, color="0.7", linewidth=0.5)
        axes.set_yticks(every_c, [named(key) for key in every_c], fontsize=7)
        axes.set_title(_title(name, len(part), len(shown), space.rate), fontsize=8, loc="left")
        axes.set(facecolor=NOTHING, ylim=(low - 0.5, high + 0.5))
        axes.tick_params(labelsize=7)
    panels[-1].set_xlim(0, max(1, *(min(len(part), FRAMES_SHOWN) for part in parts), 0) * frame)
    panels[-1].set_xlabel("frames" if space.rate is None else "seconds", fontsize=8)
    return render(figure)


def named(key: int) -> str:
    """The name of a MIDI number: 60 is C4, the C in the middle of a piano."""
    names = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
    return f"{names[key % 12]}{key // 12 - 1}"


def _title(name: str, frames: int, shown: int, rate: float | None) -> str:
    told = f"{name}: {frames:,} frame{'' if frames == 1 else 's'}"
    told += "" if rate is None else f", {frames / rate:.1f} s"
    return told if shown == frames else f"{told}, the first {shown} of them"


def _range(parts: list[np.ndarray], first_key: int) -> tuple[int, int]:
    """The lowest and the highest key that is drawn."""
    held = [np.flatnonzero(part.max(0)) for part in parts if part.size]
    keys = np.concatenate([*held, np.zeros(0, int)]) + first_key
    low, high = (int(keys.min()), int(keys.max())) if len(keys) else (60, 60)
    more = max(0, 12 * OCTAVES_SHOWN - (high - low))
    return low - more // 2 - 1, high + more - more // 2 + 1


def _inked(strength: np.ndarray, first_key: int) -> np.ndarray:
    """``(T, W)`` in ``[0, 1]`` as pixels ``(W, T, 3)``: notes on rows that are darker for black keys."""
    keys = np.arange(first_key, first_key + strength.shape[1])
    paper = np.where(np.isin(keys % 12, [*BLACK_KEYS]), BLACK_KEY, WHITE_KEY)[:, None, None]
    weight = strength.T[:, :, None]
    return np.rint(paper * (1 - weight) + NOTE * weight).astype(np.uint8)
