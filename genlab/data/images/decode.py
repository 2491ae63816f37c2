"""Many picture files to one uint8 array, once: what cannot be read is named, what is converted is counted."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from genlab.data.cache import Rows, decoded, file_keys
from genlab.data.images.convert import BAD, FULL, KINDS, BadPictureError, Facts
from genlab.data.images.read import Crop, measure
from genlab.errors import DataError
from genlab.process.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

VERSION = 2  # part of the cache key: raise it when the same files decode to other pixels
DARK = 0.5  # share of the full range below which pictures of more than 8 bits look alike
BLOCK = 64  # files that a thread takes at a time
AHEAD = 16  # blocks that may wait in memory until those before them are written
NOTES = {
    "grey": "grey, repeated to 3 channels",
    "colour": "colour, converted to grey",
    "palette": "palette, expanded",
    "alpha": "with alpha, composited on white",
    "CMYK": "CMYK, converted",
    "16-bit": "16-bit, reduced to 8",
    "floating-point": "floating-point, reduced to 8 bits",
}
FACTS = 4  # numbers of a file beside its pixels: its kind, pages, least and greatest value


@dataclass(frozen=True)
class Decoded:
    """Pixels of the readable files, in the order of the files.

    Attributes:
        x: ``(N, *shape)`` uint8.
        kept: ``(number of files,)`` bool: which files are in `x`.
        notes: what was converted or skipped, in sentences.
        each: examples of each of them, in a row.
    """

    x: np.ndarray
    kept: np.ndarray
    notes: tuple[str, ...]
    each: int = 1


def decode(files: Sequence[Path], crop: Crop, *, base: Path, skip_bad: bool) -> Decoded:
    """Decode files to one array, through the cache of `base`.

    Args:
        files: at least one, below `base`.
        crop: how each becomes a square, or several.
        base: the folder whose cache is used; names in messages are relative to it.
        skip_bad: leave bad files out (and say so) instead of stopping.

    Raises:
        DataError: if files are bad and `skip_bad` is false, naming the first of them and how many there are; if none
            is readable.
    """
    keys = (VERSION, crop, file_keys(files, base=base))
    found: list[np.ndarray] = []  # the pixels, where the facts were not known and all was read

    def pixels(facts: np.ndarray, check: Callable[[np.ndarray], bool]) -> np.ndarray:
        blocks = partial(_blocks, files, crop, facts, base=base, skip_bad=skip_bad)
        rows = Rows(np.dtype(np.uint8), crop.shape, len(files) * crop.each, blocks)
        return decoded((*keys, "pixels"), base, lambda: rows, check=check)

    def facts_and_pixels() -> np.ndarray:
        facts = np.full((len(files), FACTS), np.nan)
        found.append(pixels(facts, lambda _: False))
        return facts

    def right_facts(array: np.ndarray) -> bool:
        # Bad files found under skip_bad are in the cache; without it they must be told, so they are read again.
        fits = array.dtype == np.float64 and array.shape == (len(files), FACTS) and bool((array[:, 0] <= BAD).all())
        return fits and (skip_bad or not bool((array[:, 0] == BAD).any()))

    facts = decoded((*keys, "facts"), base, facts_and_pixels, check=right_facts)
    kept = facts[:, 0] != BAD

    def right_pixels(array: np.ndarray) -> bool:
        return array.dtype == np.uint8 and array.shape == (int(kept.sum()) * crop.each, *crop.shape)

    x = found[0] if found else pixels(np.empty_like(facts), right_pixels)
    if len(x) == 0:
        raise DataError(f"{base}: none of {len(files)} files is a readable picture")
    return Decoded(x, kept, tuple(_notes(facts, files, crop, base=base)), crop.each)


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """The array as a tensor without a copy; a mapped array stays on disk."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _blocks(
    files: Sequence[Path], crop: Crop, facts: np.ndarray, *, base: Path, skip_bad: bool
) -> Iterator[np.ndarray]:
    """The readable files' pixels, some at a time, in order; what is known of each file goes to its row of ``facts``.

    Raises:
        DataError: files are bad and `skip_bad` is false, when all have been looked at.
    """
    reasons: dict[int, str] = {}

    def read(start: int) -> np.ndarray:
        pixels = []
        for index in range(start, min(start + BLOCK, len(files))):
            try:
                examples, found = crop.examples(files[index], name=files[index].relative_to(base).as_posix())
                pixels.append(examples)
            except BadPictureError as error:
                reasons[index], found = str(error), Facts("bad")
            facts[index] = KINDS.index(found.kind), found.pages, found.low, found.high
        return np.concatenate(pixels) if pixels else np.empty((0, *crop.shape), np.uint8)

    with _pool() as pool:
        for start in range(0, len(files), BLOCK * AHEAD):
            yield from pool.map(read, range(start, min(start + BLOCK * AHEAD, len(files)), BLOCK))
    if reasons and not skip_bad:
        raise DataError(bad_message(reasons, files, base=base, remedy="set data.skip_bad=true"))


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


def file_notes(facts: Sequence[Facts], names: Sequence[str], *, value_range: tuple[float, float] | None) -> list[str]:
    """What should be known of pictures beside their conversion: the values of deep ones, and pages that are not read.

    Args:
        facts: of each picture.
        names: of each, for messages.
        value_range: the values that became black and white, if they were given.
    """
    notes = []
    deep = [each for each in facts if math.isfinite(each.low)]
    if deep:
        low, high = min(each.low for each in deep), max(each.high for each in deep)
        said = f"values of {len(deep)} pictures of more than 8 bits: {low:g} to {high:g}"
        if value_range is not None:
            clamped = " (what lies outside is clamped)" if low < value_range[0] or high > value_range[1] else ""
            said += f"; black is {value_range[0]:g}, white is {value_range[1]:g}{clamped}"
        elif 0 < high - low < DARK * FULL[1]:
            said += f" of 0 to {FULL[1]:g}, all alike: data.range=[{low:g},{high:g}] or data.range=auto spreads them"
        notes.append(f"{said}.")
    stacks = [(name, each.pages) for name, each in zip(names, facts, strict=True) if each.pages > 1]
    if stacks:
        first = ", ".join(f"{name} {pages}" for name, pages in stacks[:3]) + ", ..." * (len(stacks) > 3)
        notes.append(
            f"{len(stacks)} files hold {sum(pages for _, pages in stacks)} pages ({first}): only the first of each is "
            "read; save the others as files of their own to use them."
        )
    return notes


def found_range(files: Sequence[Path], *, base: Path) -> tuple[float, float] | None:
    """The least and the greatest value of all pictures of more than 8 bits, through the cache of `base`; None without.

    Raises:
        DataError: all values are the same.
    """

    def build() -> np.ndarray:
        with _pool() as pool:
            return np.array(list(pool.map(measure, files)), np.float64).reshape(len(files), 2)

    def right(array: np.ndarray) -> bool:
        return array.dtype == np.float64 and array.shape == (len(files), 2)

    found = decoded((VERSION, "range", file_keys(files, base=base)), base, build, check=right)
    found = found[np.isfinite(found).all(1)]
    if len(found) == 0:
        return None
    low, high = float(found[:, 0].min()), float(found[:, 1].max())
    if low == high:
        raise DataError(f"{base}: data.range=auto: every value of its pictures is {low:g}")
    return low, high


def _pool() -> ThreadPoolExecutor:
    # Pillow releases the interpreter lock while it decodes and resizes, so threads are enough.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ThreadPoolExecutor(min(8, cores))


def _notes(table: np.ndarray, files: Sequence[Path], crop: Crop, *, base: Path) -> list[str]:
    facts = [Facts(KINDS[int(kind)], int(pages), low, high) for kind, pages, low, high in table.tolist()]
    names = [_name(file, base) for file in files]
    notes = []
    if converted := converted_message(each.kind for each in facts):
        notes.append(f"{base}: {converted}.")
    notes += [f"{base}: {note}" for note in file_notes(facts, names, value_range=crop.value_range)]
    if bad := [name for name, each in zip(names, facts, strict=True) if each.kind == "bad"]:
        first = ", ".join(bad[:5])
        notes.append(f"{base}: {len(bad)} of {len(files)} pictures skipped as bad: {first}{', ...' * (len(bad) > 5)}.")
    return notes


def _name(file: Path, base: Path) -> str:
    return printable(file.relative_to(base).as_posix())
