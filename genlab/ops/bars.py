"""The type of what draws a progress bar, so that models and metrics need not know how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Progress = Callable[[Iterable, int], Iterable]
"""``(iterable, its length) -> iterable``, drawing a bar on the way."""


def no_bar(items: Iterable, length: int) -> Iterable:
    """The `Progress` that draws nothing."""
    return items
