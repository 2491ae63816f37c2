"""Pixels of any mode to 8-bit grey or RGB, and what had to be done for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# What was done to a picture, as one number per file beside the pixels.
KINDS = ("as is", "grey", "colour", "palette", "alpha", "CMYK", "16-bit", "floating-point", "bad")
BAD = KINDS.index("bad")
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
BITS_PER_SAMPLE = 258  # a tag of TIFF
FULL = (0.0, 65535.0)


class BadPictureError(Exception):
    """A file that is no usable picture; the message says why."""


@dataclass(frozen=True)
class Facts:
    """What is known of a file beside its pixels.

    Attributes:
        kind: what was done to it (one of `KINDS`).
        pages: how many pictures it holds, of which the first is read.
        low: the least value of a picture of more than 8 bits; nan for others.
        high: the greatest.
        turned: whether it lies otherwise in its file, and was turned or mirrored as its EXIF says.
    """

    kind: str
    pages: int = 1
    low: float = math.nan
    high: float = math.nan
    turned: bool = False


def kind_of(image: Image.Image, file: BinaryIO, *, channels: int) -> str:
    """What has to be done, by the header; the rarest first, for one word must do."""
    mode = image.mode
    if mode == "F":
        return "floating-point"
    if mode.startswith("I") or _deep_colour(image, file):
        return "16-bit"
    if mode == "CMYK":
        return "CMYK"
    if mode in ALPHA or "transparency" in image.info:
        return "alpha"
    if mode == "P":
        return "palette"
    if mode in ("1", "L"):
        return "grey" if channels == 3 else "as is"
    return "colour" if channels == 1 else "as is"


def values_of(image: Image.Image) -> np.ndarray | None:
    """The values of a loaded picture of more than 8 bits, as stored; None for others.

    Raises:
        BadPictureError: some are no finite numbers.
    """
    if image.mode != "F" and not image.mode.startswith("I"):
        return None
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise BadPictureError("values that are no finite numbers")
    return values


def to_8bit(image: Image.Image, kind: str, value_range: tuple[float, float] | None) -> tuple[Image.Image, Facts]:
    """A loaded picture with 8 bits a channel, and the values that it had.

    Args:
        image: loaded.
        kind: of it.
        value_range: the values that become 0 and 255, of pictures with more than 8 bits; what lies outside is
            clamped. None: 0 and 65535.

    Raises:
        BadPictureError: the values cannot be brought into 8 bits.
    """
    from PIL import Image

    values = values_of(image)
    if values is None:
        if kind != "16-bit":
            return image, Facts(kind)
        if value_range is not None:
            raise BadPictureError("16-bit colour, of which the high bytes alone can be read: data.range cannot be kept")
        extrema = image.getextrema()
        bounds = extrema if isinstance(extrema[0], tuple) else (extrema,)
        low, high = (
            257.0 * pick(each) for pick, each in ((min, [b[0] for b in bounds]), (max, [b[1] for b in bounds]))
        )
        return image, Facts(kind, low=low, high=high)
    facts = Facts(kind, low=float(values.min(initial=math.inf)), high=float(values.max(initial=-math.inf)))
    if value_range is None:
        if image.mode == "F":
            raise BadPictureError("floating-point pixels: data.range=[0,1] or auto says which are black and white")
        if facts.low < FULL[0] or facts.high > FULL[1]:
            raise BadPictureError("pixels of more than 16 bits: data.range=auto brings them into 8")
    low, high = value_range or FULL
    scaled = np.floor((values - low) * (255 / (high - low)) + 0.5)
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8)), facts


def to_mode(image: Image.Image, *, channels: int) -> Image.Image:
    """8-bit grey or RGB; what is transparent is composited on white."""
    from PIL import Image

    if image.mode in ALPHA or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    if image.mode in ("P", "CMYK", "RGBA"):
        image = image.convert("RGB")
    return image.convert("RGB" if channels == 3 else "L")


def _deep_colour(image: Image.Image, file: BinaryIO) -> bool:
    """Whether it is colour of 16 bits, which Pillow reads as 8-bit without a word: the header knows."""
    if image.format == "PNG":
        place = file.tell()
        file.seek(24)
        deep = file.read(1) == b"\x10"
        file.seek(place)
        return deep
    if image.format == "TIFF":
        bits = image.tag_v2.get(BITS_PER_SAMPLE, (8,))  # type: ignore[attr-defined]
        return max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return False
