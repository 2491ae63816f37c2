"""Which pixels of a picture are given: ``keep=top``, ``keep=left``, or a PNG whose white pixels are kept."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec, Image
from genlab.errors import ConfigError

WHITE = 128
"""From this grey value on a pixel of a mask is white."""

MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
"""A mask's pixels, in Pillow's names: of 8 bits."""


def keep_mask(keep: str, spec: DataSpec) -> Tensor:
    """``(H, W)`` bool on the CPU: True where a pixel is kept; the upper or left half, or a picture's white pixels.

    Raises:
        ConfigError: data without pixels, or a mask that is missing, no picture, of another size, or all of one kind.
    """
    if not isinstance(spec.space, Image):
        raise ConfigError(
            f"keep={keep}: keeps pixels of images, an example of this data is of the kind {spec.space.kind}"
        )
    height, width = spec.space.height, spec.space.width
    mask = torch.zeros(height, width, dtype=torch.bool)
    if keep == "top":
        mask[: (height + 1) // 2] = True
    elif keep == "left":
        mask[:, : (width + 1) // 2] = True
    else:
        mask = _read(Path(keep), height, width)
    if mask.all() or not mask.any():
        raise ConfigError(f"keep={keep}: keeps {'all pixels' if mask.all() else 'no pixel'}; there is nothing to do")
    return mask


def _read(path: Path, height: int, width: int) -> Tensor:
    from PIL import Image, UnidentifiedImageError

    if not path.is_file():
        raise ConfigError(f"keep={path}: is neither top nor left nor a PNG file")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["PNG"]) as picture:
            if picture.size != (width, height):
                raise ConfigError(
                    f"keep={path}: is {picture.size[0]}x{picture.size[1]} pixels, the data is {width}x{height}"
                )
            if picture.mode not in MODES:
                raise ConfigError(f"keep={path}: its pixels are of mode {picture.mode}; save it as 8-bit grey or RGB")
            black = Image.new("RGBA", picture.size, "black")
            grey = np.asarray(Image.alpha_composite(black, picture.convert("RGBA")).convert("L"))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ConfigError(f"keep={path}: cannot be read as a PNG ({type(error).__name__})") from error
    return torch.from_numpy(grey >= WHITE)
