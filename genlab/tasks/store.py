"""Arrays that may be larger than memory: filled batch by batch, in a file without a name beside the results."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from genlab.files.atomic import disk_errors

IN_MEMORY = 1 << 26
"""Bytes of an array that is kept in memory; larger ones lie on the disk."""


class Stored:
    """An array of known shape whose first axis is filled batch by batch.

    Attributes:
        tensor: all of it, on the CPU; read from the disk where it is looked at.
    """

    def __init__(self, shape: Sequence[int], dtype: torch.dtype, *, folder: Path, most: int | None = None) -> None:
        """Make room for it in ``folder``, or in memory if it has no more than ``most`` bytes; None: `IN_MEMORY`.

        Raises:
            TrainingError: the disk is full, or the folder cannot be written.
        """
        size = math.prod(shape) * dtype.itemsize
        self._map: mmap.mmap | None = None
        if size <= (IN_MEMORY if most is None else most):
            self.tensor = torch.empty(*shape, dtype=dtype)
            return
        with disk_errors(folder / "arrays"), tempfile.TemporaryFile(dir=folder) as file:
            # all of it now: a disk that fills up later would end the process by a signal, without a word
            os.posix_fallocate(file.fileno(), 0, size)
            self._map = mmap.mmap(file.fileno(), size)
        self.tensor = torch.frombuffer(self._map, dtype=dtype).view(*shape)

    def write(self, start: int, values: Tensor) -> None:
        """Put ``values`` at ``start`` along the first axis; what does not fit is left out."""
        room = self.tensor[start : start + len(values)]
        room.copy_(values[: len(room)])
        if self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)  # it is the file's now: memory holds one batch
