"""One file of sound: what it is, and its samples in one channel; WAV by itself, FLAC and Ogg by the extra ``audio``."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genlab.data.sound import wav
from genlab.data.sound.wav import BadSoundError
from genlab.errors import DataError
from genlab.files import foreign
from genlab.process.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

WAV = frozenset({".wav", ".wave"})
PACKED = frozenset({".flac", ".ogg", ".oga", ".opus"})

MAX_FILE = 4 << 30
"""Bytes of one file, at most."""

MAX_RATE = 768_000
"""Samples a second, at most: a header that says more is damaged."""


@dataclass(frozen=True)
class Facts:
    """What is known of a file.

    Attributes:
        rate: samples a second.
        channels: how many.
        frames: samples of each.
        peak: the largest absolute value where the format has no bound, else 1.
    """

    rate: int
    channels: int
    frames: int
    peak: float


def list_recordings(folder: Path) -> list[Path]:
    """The files of sound in a folder and below it, by name; hidden ones are not."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here) / name for name in names if is_recording(name)]
    return sorted(found, key=lambda path: path.as_posix())


def is_recording(name: str) -> bool:
    """Whether a name is one of a file of sound that is read."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in WAV | PACKED


def name_in(base: Path, file: Path) -> str:
    """Its name below a folder, for a message."""
    return printable(file.relative_to(base).as_posix())


def need_extra(files: Sequence[Path], base: Path) -> None:
    """Raise DataError if files cannot be read for want of the extra ``audio``."""
    packed = [file for file in files if file.suffix.lower() in PACKED]
    if packed:
        try:
            import soundfile  # noqa: F401
        except (ImportError, OSError) as error:  # OSError: the package is there, and its library is not
            raise DataError(
                f"{base}: {len(packed)} of {len(files)} recordings are FLAC or Ogg "
                f"({name_in(base, packed[0])}): pip install 'genlab[audio]', or convert them to WAV"
            ) from error


def measure(path: Path) -> Facts:
    """What a file is; one whose format cannot tell without is read as a whole.

    Raises:
        BadSoundError: it cannot be used.
    """
    with _opened(path) as file:
        if path.suffix.lower() in WAV:
            head = wav.header(file)
            found = Facts(head.rate, head.channels, head.frames, 1.0)
            if head.real:
                found = Facts(head.rate, head.channels, head.frames, _peak(wav.samples(file)))
        else:
            x, rate = _unpacked(file)
            found = Facts(rate, x.shape[1], len(x), _peak(x))
    if found.frames == 0:
        raise BadSoundError("no samples")
    if not 1 <= found.rate <= MAX_RATE:
        raise BadSoundError(f"damaged header: {found.rate} samples a second")
    return found


def read_mono(path: Path) -> np.ndarray:
    """All samples, ``(frames,) float32``, the mean of the channels.

    Raises:
        BadSoundError: it cannot be used.
    """
    with _opened(path) as file:
        x = wav.samples(file) if path.suffix.lower() in WAV else _unpacked(file)[0]
    return x[:, 0] if x.shape[1] == 1 else x.mean(1)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with foreign.open_plain(path, most=MAX_FILE, links=True) as file:
            yield file
    except OSError as error:
        raise BadSoundError(printable(error.strerror or str(error))) from error


def _unpacked(file: BinaryIO) -> tuple[np.ndarray, int]:
    """``(frames, channels) float32`` and the rate of a FLAC or Ogg file."""
    import soundfile

    if file.seek(0, os.SEEK_END) == 0:
        raise BadSoundError("empty file")
    file.seek(0)
    try:
        with soundfile.SoundFile(file) as sound:
            x = sound.read(dtype="float32", always_2d=True)
            if len(x) < sound.frames:
                raise BadSoundError(f"cut short: {len(x):,} of {sound.frames:,} samples are there")
            return x, sound.samplerate
    except (RuntimeError, OSError, ValueError, TypeError) as error:  # of soundfile and of libsndfile, by version
        raise BadSoundError(printable(str(error).split("\n")[0].rpartition(": ")[2]) or "cannot be decoded") from error


def _peak(x: np.ndarray) -> float:
    if not np.isfinite(x).all():
        raise BadSoundError("some samples are no finite numbers")
    return float(np.abs(x).max(initial=0.0))
