"""Patches: small squares of pictures as they are, cut at random places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genlab.data.images.convert import BadPictureError, Facts
from genlab.data.images.read import Crop, read_whole
from genlab.data.split import name_hash

DENSE = 4
"""Places for each patch below which all of them are put in order, rather than drawn until enough are others."""


@dataclass(frozen=True)
class Patches(Crop):
    """Squares of pictures at random places, in place of the central one; nothing is resized.

    Attributes:
        count: of each picture.
        seed: of the places, with the picture's name.
    """

    count: int = 1
    seed: int = 0

    @property
    def each(self) -> int:
        """Examples that a picture gives."""
        return self.count

    def examples(self, path: Path, *, name: str) -> tuple[np.ndarray, Facts]:
        """``(count, C, size, size)`` uint8, in a random order.

        Raises:
            BadPictureError: as for `read_whole`, or the picture is smaller than a patch.
        """
        whole = read_whole(path, channels=self.channels, value_range=self.value_range)
        height, width = whole.x.shape[1:]
        if min(height, width) < self.size:
            raise BadPictureError(f"{width}x{height} pixels, smaller than patches of {self.size}x{self.size}")
        views = np.lib.stride_tricks.sliding_window_view(whole.x, (self.size, self.size), axis=(1, 2))
        rows, columns = height - self.size + 1, width - self.size + 1
        top, left = np.divmod(places(rows * columns, self.count, seed=name_hash(f"{self.seed}/{name}")), columns)
        return views[:, top, left].transpose(1, 0, 2, 3), whole.facts


def places(n: int, count: int, *, seed: int) -> np.ndarray:
    """``count`` different numbers below n in a random order, ``int64``; where n is less, each as often as another.

    ``RandomState`` is used because NumPy freezes its stream (NEP 19): the places are the same on every machine.
    """
    random = np.random.RandomState(seed % 2**32)
    if n < DENSE * count:
        return np.resize(random.permutation(n), count)
    found = np.empty(0, np.int64)
    while len(found) < count:
        found = np.concatenate([found, random.randint(0, n, count, dtype=np.int64)])
        found = found[np.sort(np.unique(found, return_index=True)[1])]
    return found[:count]
