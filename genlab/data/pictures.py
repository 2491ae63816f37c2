"""One picture file to a uint8 array: any format in, one format out.

Every picture is turned upright (EXIF), cropped to its central square and resized with antialiasing (bilinear).
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from genlab.errors import ConfigError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"))
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # MPO photographs come in through JPEG
MAX_PIXELS = 1 << 26
ORIENTATION = 0x0112  # the tag of EXIF

# What was done to a picture, as one byte per file beside the pixels.
KINDS = ("as is", "grey", "colour", "palette", "alpha", "CMYK", "16-bit", "bad")
BAD = KINDS.index("bad")
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
class Whole:
    """A picture of which nothing is cut off.

    Attributes:
        x: ``(C, H, W)`` uint8, perhaps reduced.
        size: height and width that it has in its file, upright.
        kind: what was done to it (one of `KINDS`).
    """

    x: np.ndarray
    size: tuple[int, int]
    kind: str


class BadPictureError(Exception):
    """A file that is no usable picture; the message says why."""


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
        found += [path for name in names if _is_picture(path := Path(here) / name)]
    return sorted(found, key=lambda path: path.as_posix())


def printable(name: str) -> str:
    """A file name without anything that could disturb a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def read_picture(path: Path, crop: Crop) -> tuple[np.ndarray, str]:
    """Read one file as a square.

    Returns:
        ``crop.shape`` uint8, and what was done to it (one of `KINDS`).

    Raises:
        BadPictureError: if it is empty, truncated, too large or no picture at all.
    """
    from PIL import Image  # heavy: only those who read pictures pay for it

    # Large photographs: the decoder itself may reduce them.
    least = None if crop.crop is not None or crop.halves else crop.size
    picture, kind, _ = _opened(path, channels=crop.channels, least=least, halves=crop.halves)
    width, height = picture.size
    if crop.halves:
        half = width // 2
        boxes = [_square(0, half, height, crop.crop), _square(half, half, height, crop.crop)]
    else:
        boxes = [_square(0, width, height, crop.crop)]
    views = []
    for box in boxes:
        # Cut before resizing: resize(box=...) lets pixels from outside the box in, and one half into the other.
        view = picture.crop(box).resize((crop.size, crop.size), Image.Resampling.BILINEAR)
        views.append(np.asarray(view).reshape(crop.size, crop.size, crop.channels))
    return np.stack(views).transpose(0, 3, 1, 2).reshape(crop.shape), kind


def read_whole(path: Path, *, channels: int, size: tuple[int, int] | None = None, max_side: int | None = None) -> Whole:
    """Read one file as it is, upright: nothing is cut off.

    Args:
        path: the file.
        channels: 1 or 3.
        size: height and width to resize it to, or None.
        max_side: reduce a picture whose longer side is longer, or None.

    Raises:
        BadPictureError: as for `read_picture`.
    """
    from PIL import Image

    picture, kind, (width, height) = _opened(path, channels=channels, least=max_side if size is None else max(size))
    if size is None:
        shrink = min(1.0, max_side / max(width, height)) if max_side is not None else 1.0
        size = max(1, round(height * shrink)), max(1, round(width * shrink))
    if picture.size != size[::-1]:
        picture = picture.resize(size[::-1], Image.Resampling.BILINEAR)
    return Whole(np.asarray(picture).reshape(*size, channels).transpose(2, 0, 1), (height, width), kind)


def _opened(
    path: Path, *, channels: int, least: int | None, halves: bool = False
) -> tuple[Image.Image, str, tuple[int, int]]:
    """One file upright, in RGB or grey; what was done to it; its width and height in the file, upright.

    The decoder may reduce a photograph by 2, 4 or 8, to no less than twice ``least`` pixels each way.
    """
    from PIL import Image, ImageOps

    # Pillow's own limit lies above ours, which is told in one line. For the whole process: catch_warnings is not
    # for threads.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    try:
        if path.stat().st_size == 0:
            raise BadPictureError("empty file")
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadPictureError(f"{width}x{height} pixels, more than {MAX_PIXELS}")
            if halves and width < 2:
                raise BadPictureError("too narrow for two halves")
            kind = _kind(image, file, channels=channels)
            if image.format == "JPEG" and least is not None:
                image.draft(image.mode, (2 * least, 2 * least))
            image.load()
            if image.getexif().get(ORIENTATION) in (5, 6, 7, 8):  # lies on its side
                width, height = height, width
            return _to_mode(ImageOps.exif_transpose(image), channels=channels), kind, (width, height)
    except Image.DecompressionBombError as error:
        raise BadPictureError("far too many pixels") from error
    except UNREADABLE as error:
        raise BadPictureError(printable(str(error).split("\n")[0].split(" <")[0]) or type(error).__name__) from error


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def _square(left: int, width: int, height: int, crop: int | None) -> tuple[int, int, int, int]:
    side = min(width, height) if crop is None else crop
    if side > min(width, height):
        raise BadPictureError(f"{width}x{height} pixels, smaller than the crop of {side}")
    x, y = left + (width - side) // 2, (height - side) // 2
    return (x, y, x + side, y + side)


def _kind(image: Image.Image, file: BinaryIO, *, channels: int) -> str:
    """What has to be done, by the header; the rarest first, for one word must do."""
    mode = image.mode
    if mode == "F":
        raise BadPictureError("floating-point pixels")
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
            raise BadPictureError("pixels of more than 16 bits")
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    if image.mode in ("P", "CMYK", "RGBA"):
        image = image.convert("RGB")
    return image.convert("RGB" if channels == 3 else "L")
