"""One picture file to a uint8 array: any format in, one format out.

Every picture is turned upright (EXIF), cropped to its central square and resized, with antialiasing (bilinear) unless
something else is asked for.
"""

from __future__ import annotations

import math
import os
import struct
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from genlab.data.images.convert import BadPictureError, Facts, kind_of, to_8bit, to_mode, values_of
from genlab.errors import ConfigError, DataError
from genlab.files import foreign
from genlab.process.printable import printable

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .jif .webp .bmp .dib .gif .tif .tiff .ppm .pgm .pbm .pnm".split()  # noqa: SIM905
)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # MPO photographs come in through JPEG
Resample = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]
RESAMPLE = get_args(Resample)
MAX_PIXELS = 1 << 26
ORIENTATION = 0x0112  # the tag of EXIF
MAX_FILE = 4 << 30
"""Bytes of one picture, at most."""

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
        resample: how pixels are resized, one of `RESAMPLE`; "nearest" makes no new values (masks, label maps).
        resample_right: the same for the right one of two halves, None for that of the left one.
        value_range: the values that become 0 and 255, of pictures of more than 8 bits; None for 0 and 65535.
    """

    size: int
    channels: int = 3
    crop: int | None = None
    halves: bool = False
    resample: str = "bilinear"
    resample_right: str | None = None
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 4096:
            raise ConfigError(f"data.size={self.size}: give a number of pixels from 1 to 4096")
        if self.channels not in (1, 3):
            raise ConfigError(f"data.channels={self.channels}: give 1 (grey) or 3 (RGB)")
        if self.crop is not None and self.crop < 1:
            raise ConfigError(f"data.crop={self.crop}: give a positive number of pixels")
        for name in (self.resample, self.resample_right or self.resample):
            if name not in RESAMPLE:
                raise ConfigError(f"data.resample={name}: give {', '.join(RESAMPLE[:-1])} or {RESAMPLE[-1]}")

    @property
    def shape(self) -> tuple[int, ...]:
        """``(C, size, size)``, or ``(2, C, size, size)`` of two halves."""
        return (*((2,) if self.halves else ()), self.channels, self.size, self.size)

    @property
    def each(self) -> int:
        """Examples that a picture gives."""
        return 1

    def examples(self, path: Path, *, name: str) -> tuple[np.ndarray, Facts]:
        """One file as ``(each, *shape)`` uint8, and what is known of it; ``name`` is that below the data's folder."""
        picture, facts = read_picture(path, self)
        return picture[None], facts


@dataclass(frozen=True)
class Whole:
    """A picture of which nothing is cut off.

    Attributes:
        x: ``(C, H, W)`` uint8, perhaps reduced.
        size: height and width that it has in its file, upright.
        facts: what was done to it, and what else is known.
    """

    x: np.ndarray
    size: tuple[int, int]
    facts: Facts


def list_pictures(folder: Path, *, deep: bool = False) -> list[Path]:
    """Files of `folder` with the suffix of a picture, sorted by name; hidden ones are left out.

    Args:
        folder: an existing folder.
        deep: also those of its subfolders.
    """
    if not deep:
        return sorted((path for path in folder.iterdir() if is_picture(path)), key=lambda path: path.name)
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [path for name in names if is_picture(path := Path(here) / name)]
    return sorted(found, key=lambda path: path.as_posix())


def given_pictures(given: Path) -> list[Path]:
    """The picture that a user names as ``input=``, or those of the folder, with its folders.

    Raises:
        DataError: there is none.
    """
    if not given.exists():
        raise DataError(f"input={printable(str(given))} does not exist: give a picture, or a folder of pictures")
    files = [given] if given.is_file() else list_pictures(given, deep=True)
    if not files:
        raise DataError(f"input={printable(str(given))} holds no pictures: give a picture, or a folder of pictures")
    return files


def read_picture(path: Path, crop: Crop) -> tuple[np.ndarray, Facts]:
    """Read one file as a square.

    Returns:
        ``crop.shape`` uint8, and what is known of the file.

    Raises:
        BadPictureError: if it is empty, truncated, too large or no picture at all.
    """
    # Large photographs: the decoder itself may reduce them, which makes new values.
    whole = crop.crop is not None or crop.halves or crop.resample == "nearest"
    picture, facts, _ = _opened(
        path,
        channels=crop.channels,
        least=None if whole else crop.size,
        halves=crop.halves,
        value_range=crop.value_range,
    )
    width, height = picture.size
    if crop.halves:
        half = width // 2
        boxes = [_square(0, half, height, crop.crop), _square(half, half, height, crop.crop)]
    else:
        boxes = [_square(0, width, height, crop.crop)]
    views = []
    for box, name in zip(boxes, (crop.resample, crop.resample_right or crop.resample), strict=False):
        # Cut before resizing: resize(box=...) lets pixels from outside the box in, and one half into the other.
        view = picture.crop(box).resize((crop.size, crop.size), _filter(name))
        views.append(np.asarray(view).reshape(crop.size, crop.size, crop.channels))
    return np.stack(views).transpose(0, 3, 1, 2).reshape(crop.shape), facts


def read_whole(
    path: Path,
    *,
    channels: int,
    size: tuple[int, int] | None = None,
    max_side: int | None = None,
    half: Literal["left", "right"] | None = None,
    resample: str = "bilinear",
    value_range: tuple[float, float] | None = None,
) -> Whole:
    """Read one file as it is, upright: nothing is cut off.

    Args:
        path: the file.
        channels: 1 or 3.
        size: height and width to resize it to, or None.
        max_side: reduce a picture whose longer side is longer, or None.
        half: this half of two pictures side by side, or None.
        resample: as in `Crop`.
        value_range: as in `Crop`.

    Raises:
        BadPictureError: as for `read_picture`.
    """
    least = max_side if size is None else max(size)
    picture, facts, (width, height) = _opened(
        path,
        channels=channels,
        least=None if half or resample == "nearest" else least,
        halves=half is not None,
        value_range=value_range,
    )
    if half is not None:
        width //= 2
        left = 0 if half == "left" else width
        picture = picture.crop((left, 0, left + width, height))
    if size is None:
        shrink = min(1.0, max_side / max(width, height)) if max_side is not None else 1.0
        size = max(1, round(height * shrink)), max(1, round(width * shrink))
    if picture.size != size[::-1]:
        picture = picture.resize(size[::-1], _filter(resample))
    return Whole(np.asarray(picture).reshape(*size, channels).transpose(2, 0, 1), (height, width), facts)


def measure(path: Path) -> tuple[float, float]:
    """The least and the greatest value of a picture of more than 8 bits; nan for others and for what is none."""
    from PIL import Image

    try:
        with foreign.open_plain(path, most=MAX_FILE, links=True) as file, Image.open(file, formats=FORMATS) as image:
            if image.size[0] * image.size[1] > MAX_PIXELS:
                return math.nan, math.nan
            if image.mode != "F" and not image.mode.startswith("I"):
                return math.nan, math.nan
            image.load()
            values = values_of(image)
    except (BadPictureError, Image.DecompressionBombError, *UNREADABLE):  # told by who reads it
        return math.nan, math.nan
    assert values is not None
    return float(values.min(initial=math.inf)), float(values.max(initial=-math.inf))


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is looked at, by its header alone.

    Raises:
        BadPictureError: it is no picture.
    """
    from PIL import Image

    try:
        with foreign.open_plain(path, most=MAX_FILE, links=True) as file, Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(ORIENTATION) in (5, 6, 7, 8) else (width, height)
    except (Image.DecompressionBombError, *UNREADABLE) as error:
        raise BadPictureError(printable(str(error).split(" <")[0]) or type(error).__name__) from error


def _opened(
    path: Path, *, channels: int, least: int | None, halves: bool, value_range: tuple[float, float] | None
) -> tuple[Image.Image, Facts, tuple[int, int]]:
    """One file upright, in RGB or grey; what is known of it; its width and height in the file, upright.

    The decoder may reduce a photograph by 2, 4 or 8, to no less than twice ``least`` pixels each way.
    """
    from PIL import Image, ImageOps

    # its own limit lies above ours, which is told in one line; for all threads, which catch_warnings is not for
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    try:
        if path.stat().st_size == 0:
            raise BadPictureError("empty file")
        with foreign.open_plain(path, most=MAX_FILE, links=True) as file, Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadPictureError(f"{width}x{height} pixels, more than {MAX_PIXELS}")
            if halves and width < 2:
                raise BadPictureError("too narrow for two halves")
            kind = kind_of(image, file, channels=channels)
            # a photograph of several pictures (MPO) is one with its preview
            pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            if image.format == "JPEG" and least is not None:
                image.draft(image.mode, (2 * least, 2 * least))
            image.load()
            lies = image.getexif().get(ORIENTATION)
            width, height = (height, width) if lies in (5, 6, 7, 8) else (width, height)  # on its side
            shallow, facts = to_8bit(ImageOps.exif_transpose(image), kind, value_range)
            facts = replace(facts, pages=pages, turned=lies in range(2, 9))
            return to_mode(shallow, channels=channels), facts, (width, height)
    except Image.DecompressionBombError as error:
        raise BadPictureError("far too many pixels") from error
    except UNREADABLE as error:
        raise BadPictureError(printable(str(error).split("\n")[0].split(" <")[0]) or type(error).__name__) from error


def _filter(name: str) -> Image.Resampling:
    from PIL import Image

    return Image.Resampling[name.upper()]


def is_picture(path: Path) -> bool:
    """Whether it is a file with the suffix of a picture; hidden ones are not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def _square(left: int, width: int, height: int, crop: int | None) -> tuple[int, int, int, int]:
    side = min(width, height) if crop is None else crop
    if side > min(width, height):
        raise BadPictureError(f"{width}x{height} pixels, smaller than the crop of {side}")
    x, y = left + (width - side) // 2, (height - side) // 2
    return (x, y, x + side, y + side)
