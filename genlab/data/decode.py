"""Many picture files to one uint8 array, once: what cannot be read is named, what is converted is counted."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from genlab.data.cache import decoded, file_keys
from genlab.data.pictures import BAD, KINDS, BadPictureError, Crop, printable, read_picture
from genlab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

VERSION = 1  # part of the cache key: raise it when the same files decode to other pixels
BLOCK = 64  # files that a thread takes at a time
NOTES = {
    "grey": "grey, repeated to 3 channels",
    "colour": "colour, converted to grey",
    "palette": "palette, expanded",
    "alpha": "with alpha, composited on white",
    "CMYK": "CMYK, converted",
    "16-bit": "16-bit, reduced to 8",
}


@dataclass(frozen=True)
class Decoded:
    """Pixels of the readable files, in the order of the files.

    Attributes:
        x: ``(N, *shape)`` uint8.
        kept: ``(number of files,)`` bool: which files are in `x`.
        notes: what was converted or skipped, in sentences.
    """

    x: np.ndarray
    kept: np.ndarray
    notes: tuple[str, ...]


def decode(files: Sequence[Path], crop: Crop, *, base: Path, skip_bad: bool) -> Decoded:
    """Decode files to one array, through the cache of `base`.

    Args:
        files: at least one, below `base`.
        crop: how each becomes a square.
        base: the folder whose cache is used; names in messages are relative to it.
        skip_bad: leave bad files out (and say so) instead of stopping.

    Raises:
        DataError: if files are bad and `skip_bad` is false, naming the first of them and how many there are; if none
            is readable.
    """
    memory: dict[str, np.ndarray] = {}

    def build(part: Literal["pixels", "kinds"]) -> np.ndarray:
        if part not in memory:  # what is asked for first brings the other along
            memory["pixels"], memory["kinds"] = _decode_all(files, crop, base=base, skip_bad=skip_bad)
        return memory.pop(part)

    keys = (VERSION, crop, file_keys(files, base=base))

    def right_kinds(array: np.ndarray) -> bool:
        # Bad files found under skip_bad are in the cache; without it they must be told, so they are read again.
        fits = array.dtype == np.uint8 and array.shape == (len(files),) and bool((array < len(KINDS)).all())
        return fits and (skip_bad or not bool((array == BAD).any()))

    kinds = decoded((*keys, "kinds"), base, partial(build, "kinds"), check=right_kinds)
    kept = kinds != BAD

    def right_pixels(array: np.ndarray) -> bool:
        return array.dtype == np.uint8 and array.shape == (int(kept.sum()), *crop.shape)

    x = decoded((*keys, "pixels"), base, partial(build, "pixels"), check=right_pixels)
    if len(x) == 0:
        raise DataError(f"{base}: none of {len(files)} files is a readable picture")
    return Decoded(x, kept, tuple(_notes(kinds, files, base=base)))


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """The array as a tensor without a copy; a mapped array stays on disk."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _decode_all(files: Sequence[Path], crop: Crop, *, base: Path, skip_bad: bool) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.empty((len(files), *crop.shape), np.uint8)
    kinds = np.empty(len(files), np.uint8)
    reasons: dict[int, str] = {}

    def read(start: int) -> None:
        for index in range(start, min(start + BLOCK, len(files))):
            try:
                pixels[index], kind = read_picture(files[index], crop)
            except BadPictureError as error:
                reasons[index], kind = str(error), "bad"
            kinds[index] = KINDS.index(kind)

    # Pillow releases the interpreter lock while it decodes and resizes, so threads are enough.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(min(8, cores)) as pool:
        for _ in pool.map(read, range(0, len(files), BLOCK)):
            pass
    if reasons and not skip_bad:
        raise DataError(bad_message(reasons, files, base=base, remedy="set data.skip_bad=true"))
    kept = np.flatnonzero(kinds != BAD)
    if len(kept) < len(files):
        for new, old in enumerate(kept):  # in place: a second copy might not fit into memory
            pixels[new] = pixels[old]
    return pixels[: len(kept)], kinds


def bad_message(reasons: dict[int, str], files: Sequence[Path], *, base: Path, remedy: str) -> str:
    """One line about files that cannot be used: the first five with their reasons (by index), and how many."""
    first = [f"{_name(files[i], base)} ({reasons[i]})" for i in sorted(reasons)[:5]]
    more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
    return (
        f"{base}: {len(reasons)} of {len(files)} pictures cannot be used: {', '.join(first)}{more}; "
        f"mend or remove them, or {remedy}"
    )


def converted_message(kinds: Iterable[str]) -> str | None:
    """How many pictures were converted from what, by their `KINDS`; None if all are as they were."""
    counts = Counter(kinds)
    converted = [f"{counts[kind]} {text}" for kind, text in NOTES.items() if counts[kind]]
    return f"pictures converted: {'; '.join(converted)}" if converted else None


def _notes(kinds: np.ndarray, files: Sequence[Path], *, base: Path) -> list[str]:
    notes = []
    if converted := converted_message(KINDS[kind] for kind in kinds.tolist()):
        notes.append(f"{base}: {converted}.")
    if bad := np.flatnonzero(kinds == BAD).tolist():
        first = ", ".join(_name(files[i], base) for i in bad[:5])
        notes.append(f"{base}: {len(bad)} of {len(files)} pictures skipped as bad: {first}{', ...' * (len(bad) > 5)}.")
    return notes


def _name(file: Path, base: Path) -> str:
    return printable(file.relative_to(base).as_posix())
