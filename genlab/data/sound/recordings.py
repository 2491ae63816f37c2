"""Files of sound to one array of pieces: looked at and decoded once, and cached; nothing of a recording is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from genlab.data.cache import Rows, decoded, file_keys
from genlab.data.sound.companding import Law, encode
from genlab.data.sound.resampling import resampled, samples_at
from genlab.data.sound.sound_files import BadSoundError, Facts, measure, name_in, read_mono
from genlab.data.spaces import Waveform
from genlab.errors import DataError

VERSION = 1  # part of the cache key: raise it when the same files decode to other levels
NAMED = 5  # files that are left out and named
ROOM = 16  # times the recordings' own size that padding may make of them, where that is more than a gigabyte


@dataclass(frozen=True)
class Found:
    """What is known of files.

    Attributes:
        facts: of each that can be used.
        notes: which cannot, in a sentence.
    """

    facts: dict[Path, Facts]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Pieces:
    """Recordings cut into pieces, in order.

    Attributes:
        x: ``(N, 1, L)`` levels, 0 from a piece's length on.
        lengths: ``(N,) int64``.
        counts: pieces of each recording, in the order of the files.
    """

    x: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray


def survey(files: Sequence[Path], *, base: Path) -> Found:
    """Look at each file, through the cache of ``base``.

    Raises:
        DataError: none can be used.
    """
    reasons: dict[Path, str] = {}

    def look() -> np.ndarray:
        return np.array([_row(file, reasons) for file in files], np.float64).reshape(len(files), 4)

    def right(array: np.ndarray) -> bool:
        return array.dtype == np.float64 and array.shape == (len(files), 4)

    table = decoded((VERSION, "sound", file_keys(files, base=base)), base, look, check=right)
    facts, bad = {}, []
    for file, (rate, channels, frames, peak) in zip(files, table.tolist(), strict=True):
        if rate > 0:
            facts[file] = Facts(int(rate), int(channels), int(frames), peak)
        else:
            bad.append(file)
    notes = []
    if bad:
        for file in bad[:NAMED]:  # the cache does not hold why
            if file not in reasons:
                _row(file, reasons)
        named = ", ".join(f"{name_in(base, file)} ({reasons.get(file, 'it has changed')})" for file in bad[:NAMED])
        more = f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
        said = f"{base}: {len(bad):,} of {len(files):,} recordings cannot be read"
        if not facts:
            raise DataError(f"{said}, so none is left: {named}{more}; give recordings of sound")
        notes.append(f"{said} and are left out: {named}{more}.")
    return Found(facts, tuple(notes))


def _row(file: Path, reasons: dict[Path, str]) -> tuple[float, float, float, float]:
    """The facts as numbers, all 0 and a reason for a file that cannot be used."""
    try:
        found = measure(file)
    except BadSoundError as error:
        reasons[file] = str(error)
        return 0, 0, 0, 0
    return found.rate, found.channels, found.frames, found.peak


def common_rate(facts: dict[Path, Facts]) -> int:
    """The rate that most files have; of several the highest."""
    counts = Counter(each.rate for each in facts.values())
    return max(counts, key=lambda rate: (counts[rate], rate))


def conversions(facts: dict[Path, Facts], *, rate: int, base: Path) -> list[str]:
    """What is done to recordings on their way, in sentences with their number."""
    every, notes = f"of {len(facts):,} recordings", []
    mixed = Counter(each.channels for each in facts.values() if each.channels > 1)
    if mixed:
        several = "two" if max(mixed) == 2 else f"2 to {max(mixed)}"
        notes.append(f"{base}: {mixed.total():,} {every} had {several} channels: mixed down.")
    other = Counter(each.rate for each in facts.values() if each.rate != rate)
    if other:
        said = ", ".join(f"{count:,} at {found:,} Hz" for found, count in sorted(other.items()))
        notes.append(f"{base}: {other.total():,} {every} had another rate ({said}): resampled to {rate:,} Hz.")
    loud = [each.peak for each in facts.values() if each.peak > 1]
    if loud:
        notes.append(f"{base}: {len(loud):,} {every} go beyond -1 to 1 (up to {max(loud):.3g}): cut there.")
    return notes


def cut(
    facts: dict[Path, Facts], *, rate: int, levels: int, law: Law, length: int | None, base: Path
) -> tuple[Pieces, Waveform]:
    """Decode recordings and cut them into pieces, through the cache of ``base``.

    Args:
        facts: the files in the order of the pieces, and what is known of them.
        rate: samples a second of the pieces.
        levels: how many there are.
        law: how they lie.
        length: samples that a piece has at most; None: as many as the longest recording.
        base: the folder of the files.

    Raises:
        DataError: a file has changed since it was looked at, or whole recordings would take too much room.
    """
    samples = [samples_at(each.frames, rate=each.rate, to=rate) for each in facts.values()]
    longest = min(max(samples), length or max(samples))
    space = Waveform(longest, 1, levels, rate, companding=law, ragged=True)
    kind = torch.empty(0, dtype=space.dtype).numpy().dtype
    counts = np.array([-(-each // longest) for each in samples])
    lengths = np.full(int(counts.sum()), longest, np.int64)
    lengths[counts.cumsum() - 1] = np.array(samples) - (counts - 1) * longest
    size = len(lengths) * longest * kind.itemsize
    if size > max(1 << 30, ROOM * sum(samples) * kind.itemsize):
        raise DataError(
            f"{base}: padded to the longest one, which has {longest:,} samples, {len(facts):,} recordings would take "
            f"{size / 2**30:,.0f} GiB: give data.length, so that they are cut into pieces"
        )

    def blocks() -> Iterator[np.ndarray]:
        for (file, found), count in zip(facts.items(), counts, strict=True):
            wave = resampled(_read(file, found.frames, base), rate=found.rate, to=rate)
            block = np.zeros((count, 1, longest), kind)
            block.reshape(-1)[: len(wave)] = encode(torch.from_numpy(wave), levels=levels, law=law).numpy()
            yield block

    key = (VERSION, "pieces", file_keys(facts, base=base), rate, levels, law, longest)
    rows = Rows(kind, (1, longest), len(lengths), blocks)
    x = decoded(
        key, base, lambda: rows, check=lambda array: (array.dtype, array.shape) == (kind, (rows.most, *rows.shape))
    )
    return Pieces(x, lengths, counts), space


def _read(file: Path, frames: int, base: Path) -> np.ndarray:
    try:
        x = read_mono(file)
    except BadSoundError as error:
        raise DataError(f"{base}: {name_in(base, file)} has changed while it was read ({error}): run again") from error
    if len(x) != frames:
        raise DataError(f"{base}: {name_in(base, file)} has changed while it was read: run again")
    return x
