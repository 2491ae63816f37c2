"""Arrays that stay in their file: mapped, and the rows of a batch asked of the disk before they are read.

A row that is read without a word makes the system fetch megabytes around it: on a disk with a read-ahead of 8 MiB,
random rows of 12 kB cost 150 bytes read for one that is used.
"""

from __future__ import annotations

import math
import mmap
import sys
import weakref
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    import torch

# mmap's own name for it is of Python 3.13
NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)

_maps: weakref.WeakValueDictionary[int, mmap.mmap] = weakref.WeakValueDictionary()


def mapped(file: BinaryIO, *, dtype: np.dtype, shape: tuple[int, ...], start: int) -> np.ndarray:
    """The array that begins at byte ``start``, copy-on-write: the file is never written through it.

    It may be larger than memory: no room is set aside for copies of its pages that nobody makes.

    Raises:
        OSError: the file cannot be mapped.
        ValueError: it is shorter than the array.
    """
    count = math.prod(shape)
    pages = mmap.mmap(
        file.fileno(),
        start + count * dtype.itemsize,
        flags=mmap.MAP_PRIVATE | NORESERVE,
        prot=mmap.PROT_READ | mmap.PROT_WRITE,
    )
    array = np.frombuffer(pages, dtype, count=count, offset=start)
    _maps[array.ctypes.data - start] = pages
    return array.reshape(shape)


def ask(x: torch.Tensor, index: torch.Tensor) -> None:
    """Let the disk fetch the rows of ``x`` that are about to be read, without waiting; nothing where ``x`` is no map.

    Args:
        x: ``(N, ...)``, of which each row is in one piece.
        index: ``(B,) int64``.
    """
    place = x.data_ptr()
    found = next(((at, pages) for at, pages in _maps.items() if at <= place < at + len(pages)), None)
    if found is None or len(index) == 0:
        return
    at, pages = found
    row, step = x[0].nbytes, x.stride(0) * x.element_size()
    rows = np.sort(index.numpy())
    first, last = rows, rows
    if step == row:  # rows that lie side by side are one piece
        apart = np.diff(rows) > 1
        first, last = rows[np.r_[True, apart]], rows[np.r_[apart, True]]
    begin = place - at + first * step
    end = place - at + last * step + row
    begin -= begin % mmap.PAGESIZE
    advise, need = pages.madvise, mmap.MADV_WILLNEED
    for start, length in zip(begin.tolist(), (end - begin).tolist(), strict=True):
        advise(need, start, length)


def gather(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """``x[index]``, by the shortest way from a file where ``x`` is mapped."""
    ask(x, index)
    return x[index]
