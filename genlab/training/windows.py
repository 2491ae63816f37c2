"""Steps in groups, so that Lightning's hooks come once a group and not once a step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from genlab.data.batches import Batch, BatchLoader


class Window:
    """Consecutive batches, gathered when they are asked for.

    Args:
        batches: the run's batches, or the numbers of its steps; the next ``size`` are this window's.
        size: number of batches.
    """

    def __init__(self, batches: Iterator[Batch | int], size: int) -> None:
        self.size = size
        self._batches = batches

    def __iter__(self) -> Iterator[Batch | int]:
        return itertools.islice(self._batches, self.size)


class Windows:
    """A loader of windows over the batches of ``loader``: ``size`` each, the last one shorter."""

    def __init__(self, loader: BatchLoader | range, *, size: int) -> None:
        self.loader = loader
        self.size = size

    def __len__(self) -> int:
        return -(-len(self.loader) // self.size)

    def __iter__(self) -> Iterator[Window]:
        batches: Iterator[Batch | int] = iter(self.loader)
        left = len(self.loader)
        while left > 0:
            yield Window(batches, min(self.size, left))
            left -= self.size
