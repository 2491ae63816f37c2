"""Picture files to one uint8 array: any format in, one format out, bad files named.

Every picture is turned upright (EXIF), cropped to its central square and resized with antialiasing (bilinear).
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from genlab.data.cache import decoded, file_keys
from genlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"))
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "MPO")
MAX_PIXELS = 1 << 26
VERSION = 1  # part of the cache key: raise it when the same files decode to other pixels

# What was done to a picture, as one byte per file beside the pixels.
KINDS = ("as is", "grey", "colour", "palette", "alpha", "CMYK", "16-bit", "bad")
BAD = KINDS.index("bad")
NOTES = {
    "grey": "grey, repeated to 3 channels",
    "colour": "colour, converted to grey",
    "palette": "palette, expanded",
    "alpha": "with alpha, composited on white",
    "CMYK": "CMYK, converted",
    "16-bit": "16-bit, reduced to 8",
}
# All that Pillow's readers are known to raise on damaged files.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, OverflowError)


@dataclass(frozen=True)
class Crop:
    """How a picture becomes a square.

    Attributes:
        size: side of the result, pixels.
        channels: 1 or 3.
        crop: side of the central square that is cut out, pixels; None for the largest one.
        halves: whether the picture is two pictures side by side, each of them cropped on its own.
    """

    size: int
    channels: int = 3
    crop: int | None = None
    halves: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 4096:
            raise ConfigError(f"data.size={self.size}: give a number of pixels from 1 to 4096")
        if self.channels not in (1, 3):
            raise ConfigError(f"data.channels={self.channels}: give 1 (grey) or 3 (RGB)")
        if self.crop is not None and self.crop < 1:
            raise ConfigError(f"data.crop={self.crop}: give a positive number of pixels")

    @property
    def shape(self) -> tuple[int, ...]:
        """``(C, size, size)``, or ``(2, C, size, size)`` of two halves."""
        return (*((2,) if self.halves else ()), self.channels, self.size, self.size)


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


class BadPicture(Exception):
    """A file that is no usable picture; the message says why."""


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
        if not memory:
            memory["pixels"], memory["kinds"] = _decode_all(files, crop, base=base, skip_bad=skip_bad)
        return memory.pop(part) if len(memory) == 1 else memory[part]

    try:
        keys = (VERSION, crop, file_keys(files, base=base))
    except OSError as error:
        raise DataError(f"{base}: {printable(str(error.filename))} cannot be read ({error.strerror})") from error

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


def list_pictures(folder: Path, *, deep: bool = False) -> list[Path]:
    """Files of `folder` with the suffix of a picture, sorted by name; hidden ones are left out.

    Args:
        folder: an existing folder.
        deep: also those of its subfolders.
    """
    if not deep:
        return sorted((path for path in folder.iterdir() if _is_picture(path)), key=lambda path: path.name)
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [path for name in names if _is_picture(path := folder / here / name)]
    return sorted(found, key=lambda path: path.as_posix())


def printable(name: str) -> str:
    """A file name without anything that could disturb a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def read_picture(path: Path, crop: Crop) -> tuple[np.ndarray, str]:
    """Read one file.

    Returns:
        ``crop.shape`` uint8, and what was done to it (one of `KINDS`).

    Raises:
        BadPicture: if it is empty, truncated, too large or no picture at all.
    """
    from PIL import Image, ImageOps  # heavy: only those who read pictures pay for it

    try:
        if path.stat().st_size == 0:
            raise BadPicture("empty file")
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadPicture(f"{width}x{height} pixels, more than {MAX_PIXELS}")
            if crop.halves and width < 2:
                raise BadPicture("too narrow for two halves")
            kind = _kind(image, file, channels=crop.channels)
            side = crop.size if crop.crop is None else max(1, crop.size * min(width, height) // crop.crop)
            if image.format == "JPEG" and crop.crop is None:
                # Large photographs: let the decoder reduce by 2, 4 or 8 while the side stays at least twice the result.
                image.draft(image.mode, ((4 if crop.halves else 2) * side, 2 * side))
            image.load()
            picture = _to_mode(ImageOps.exif_transpose(image), channels=crop.channels)
    except Image.DecompressionBombError as error:
        raise BadPicture("far too many pixels") from error
    except UNREADABLE as error:
        raise BadPicture(printable(str(error).split("\n")[0].split(" <")[0]) or type(error).__name__) from error
    width, height = picture.size
    if crop.halves:
        half = width // 2
        boxes = [_square(0, half, height, crop.crop), _square(half, half, height, crop.crop)]
    else:
        boxes = [_square(0, width, height, crop.crop)]
    views = [
        np.asarray(picture.resize((crop.size, crop.size), Image.Resampling.BILINEAR, box=box)).reshape(
            crop.size, crop.size, crop.channels
        )
        for box in boxes
    ]
    return np.stack(views).transpose(0, 3, 1, 2).reshape(crop.shape), kind


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def _square(left: int, width: int, height: int, crop: int | None) -> tuple[float, float, float, float]:
    side = min(width, height) if crop is None else crop
    if side > min(width, height):
        raise BadPicture(f"{width}x{height} pixels, smaller than the crop of {side}")
    x, y = left + (width - side) // 2, (height - side) // 2
    return (x, y, x + side, y + side)


def _kind(image: Image.Image, file, *, channels: int) -> str:  # noqa: ANN001
    """What has to be done, by the header; the rarest first, for one word must do."""
    mode = image.mode
    if mode == "F":
        raise BadPicture("floating-point pixels")
    deep = mode.startswith("I")
    if image.format == "PNG" and not deep:  # Pillow reads 16-bit RGB as 8-bit without a word: the header knows
        place = file.tell()
        file.seek(24)
        deep = file.read(1) == b"\x10"
        file.seek(place)
    if deep:
        return "16-bit"
    if mode == "CMYK":
        return "CMYK"
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return "alpha"
    if mode == "P":
        return "palette"
    if mode in ("1", "L"):
        return "grey" if channels == 3 else "as is"
    return "colour" if channels == 1 else "as is"


def _to_mode(image: Image.Image, *, channels: int) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise BadPicture("pixels of more than 16 bits")
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    if image.mode in ("P", "CMYK", "RGBA"):
        image = image.convert("RGB")
    return image.convert("RGB" if channels == 3 else "L")


def _decode_all(
    files: Sequence[Path], crop: Crop, *, base: Path, skip_bad: bool
) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.empty((len(files), *crop.shape), np.uint8)
    kinds = np.empty(len(files), np.uint8)
    reasons: dict[int, str] = {}

    def read(index: int) -> None:
        try:
            pixels[index], kind = read_picture(files[index], crop)
        except BadPicture as error:
            reasons[index], kind = str(error), "bad"
        kinds[index] = KINDS.index(kind)

    # Pillow releases the interpreter lock while it decodes and resizes, so threads are enough.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for _ in pool.map(read, range(len(files))):
            pass
    if reasons and not skip_bad:
        raise DataError(_bad_message(reasons, files, base=base))
    kept = np.flatnonzero(kinds != BAD)
    if len(kept) < len(files):
        for new, old in enumerate(kept):  # in place: a second copy might not fit into memory
            pixels[new] = pixels[old]
    return pixels[: len(kept)], kinds


def _bad_message(reasons: dict[int, str], files: Sequence[Path], *, base: Path) -> str:
    first = [f"{_name(files[i], base)} ({reasons[i]})" for i in sorted(reasons)[:5]]
    more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
    return (
        f"{base}: {len(reasons)} of {len(files)} pictures cannot be used: {', '.join(first)}{more}; "
        "mend or remove them, or set data.skip_bad=true"
    )


def _notes(kinds: np.ndarray, files: Sequence[Path], *, base: Path) -> list[str]:
    counts = Counter(KINDS[kind] for kind in kinds.tolist())
    notes = []
    if converted := [f"{counts[kind]} {text}" for kind, text in NOTES.items() if counts[kind]]:
        notes.append(f"{base}: pictures converted: {'; '.join(converted)}.")
    if bad := np.flatnonzero(kinds == BAD).tolist():
        first = ", ".join(_name(files[i], base) for i in bad[:5])
        notes.append(f"{base}: {len(bad)} of {len(files)} pictures skipped as bad: {first}{', ...' * (len(bad) > 5)}.")
    return notes


def _name(file: Path, base: Path) -> str:
    return printable(file.relative_to(base).as_posix())
