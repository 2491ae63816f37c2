"""What a task has made: arrays, and what draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Drawn:
    """What a task has made.

    Attributes:
        picture: makes ``(H, W, 3) uint8``, for ``<task>.png``, once the arrays are safe.
        arrays: for ``<task>.npz``.
        note: what the picture shows, in a few words.
        files: what makes further files, by their ending, for example ``{"gif": lambda: b"..."}``.
        pictures: what makes further pictures, ``(H, W, 1)`` or ``(H, W, 3) uint8``, by their paths below the folder of
            the run, without ".png".
        numbers: what was measured, for ``summary.json``; plain types.
        lines: the same, to be read.
    """

    picture: Callable[[], np.ndarray]
    arrays: dict[str, np.ndarray]
    note: str
    files: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    pictures: dict[str, Callable[[], np.ndarray]] = field(default_factory=dict)


def told(shown: int, n: int, what: str = "") -> str:
    """What the note says of a picture that does not show everything."""
    return "" if shown == n else f"; the grid shows the first {shown:,} of {n:,}{what}"
