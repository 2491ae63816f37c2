"""What lossless formats of pictures and of sound make of data, example by example, as they would lie on a disk.

A small picture costs a format its header; so pictures are also written one below the other, as one tall picture.
"PNG" (Huffman codes of filtered rows), "WebP" lossless, and where imagecodecs is installed JPEG-LS and JPEG XL; of
sound FLAC, where soundfile is installed.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor

from genlab.data.spaces import Image, Space, Waveform

TALLEST = 16_000
"""Rows of a tall picture: WebP takes 16,383."""

Write = Callable[[np.ndarray], bytes]


def writers(space: Space) -> dict[str, Write]:
    """What writes an example, ``(H, W, C) uint8`` or ``(L, channels)``, without loss; none of other data."""
    if isinstance(space, Image) and space.channels in (1, 3) and (space.levels or 257) <= 256:
        found: dict[str, Write] = {"png": _png(binary=space.levels == 2), "webp": _webp}
        if importlib.util.find_spec("imagecodecs") is not None:
            found |= {"jpeg_ls": _imagecodec("jpegls"), "jpeg_xl": _imagecodec("jpegxl")}
        return found
    if isinstance(space, Waveform) and (space.levels or 65537) <= 65536:
        return {"flac": _flac(space)} if importlib.util.find_spec("soundfile") is not None else {}
    return {}


def sizes(space: Space, x: Tensor, lengths: Tensor | None = None) -> Iterator[tuple[str, int, str]]:
    """``(name, bytes, what was written)`` for each format: examples ``x (n, *shape)``, each by itself, and stacked."""
    rows = _as_written(space, x)
    if rows and lengths is not None:
        rows = [row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)]
    for name, write in writers(space).items():
        yield name, sum(len(write(each)) for each in rows), "each example a file of its own"
        if isinstance(space, Image):
            count = max(1, TALLEST // space.height)
            tall = [np.concatenate(rows[start : start + count]) for start in range(0, len(rows), count)]
            yield f"{name}_tall", sum(len(write(each)) for each in tall), "all examples one below the other"


def _as_written(space: Space, x: Tensor) -> list[np.ndarray]:
    """Examples as a format takes them; none of data that no format is for."""
    if isinstance(space, Image):
        return list(x.permute(0, 2, 3, 1).contiguous().numpy())
    return list(x.transpose(1, 2).contiguous().numpy()) if isinstance(space, Waveform) else []


def _png(*, binary: bool) -> Write:
    def write(pixels: np.ndarray) -> bytes:
        from PIL import Image as Pillow

        flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
        picture = Pillow.fromarray(flat * 255).convert("1", dither=Pillow.Dither.NONE) if binary else None
        buffer = io.BytesIO()
        (picture or Pillow.fromarray(flat)).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    return write


def _webp(pixels: np.ndarray) -> bytes:
    from PIL import Image as Pillow

    colour = np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels
    buffer = io.BytesIO()
    Pillow.fromarray(colour).save(buffer, "WEBP", lossless=True, quality=100, method=6, exact=True)
    return buffer.getvalue()


def _imagecodec(name: str) -> Write:
    def write(pixels: np.ndarray) -> bytes:
        import imagecodecs

        flat = np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        options = {"lossless": True, "effort": 7} if name == "jpegxl" else {}
        return bytes(getattr(imagecodecs, f"{name}_encode")(flat, **options))

    return write


def _flac(space: Waveform) -> Write:
    levels = space.levels or 0

    def write(samples: np.ndarray) -> bytes:
        import soundfile

        buffer = io.BytesIO()
        centred = (samples.astype(np.int64) - levels // 2).astype(np.int16)
        soundfile.write(buffer, centred, space.rate or 8000, format="FLAC", subtype="PCM_16")
        return buffer.getvalue()

    return write
