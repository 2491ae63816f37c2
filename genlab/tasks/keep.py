"""What of an example is given: a half or another share, ``top``, ``left``, or a PNG whose white pixels are kept."""

from __future__ import annotations

import math
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


HALF = "half"


def kept_steps(keep: str, spec: DataSpec, lengths: Tensor) -> Tensor:
    """How many steps of examples are kept, ``(B,) int64``: a share of each, rounded down.

    Args:
        keep: "half", or a share as a command line says it: "0.25".
        spec: of data with a time.
        lengths: ``(B,)`` steps of each example.

    Raises:
        ConfigError: no share, or one that keeps nothing of any example.
    """
    share = _share(keep)
    if share is None:
        raise ConfigError(
            f"keep={keep}: is of pictures; of {spec.space.kind} data keep the beginning, a share such as keep=0.5"
        )
    kept = (lengths.double() * share).long()
    if not kept.any():
        raise ConfigError(f"keep={keep}: of at most {int(lengths.max())} steps nothing is kept; give a larger share")
    return kept


def _share(keep: str) -> float | None:
    """The part that is kept, if ``keep`` says one.

    Raises:
        ConfigError: a number that is none.
    """
    try:
        share = 0.5 if keep == HALF else float(keep)
    except ValueError:
        return None
    if not 0 < share < 1:
        raise ConfigError(f"keep={keep}: give a share between 0 and 1, such as 0.5")
    return share


def keep_mask(keep: str, spec: DataSpec) -> Tensor:
    """``(H, W)`` bool on the CPU: True where a pixel is kept; upper rows, the left half, or a picture's white pixels.

    Raises:
        ConfigError: data without pixels, or a mask that is missing, no picture, of another size, or all of one kind.
    """
    if not isinstance(spec.space, Image):
        raise ConfigError(
            f"keep={keep}: keeps pixels of images, an example of this data is of the kind {spec.space.kind}"
        )
    height, width = spec.space.height, spec.space.width
    mask = torch.zeros(height, width, dtype=torch.bool)
    share = 0.5 if keep == "top" else _share(keep)
    if share is not None:
        mask[: math.ceil(height * share)] = True
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
        raise ConfigError(f"keep={path}: is neither top nor left nor a share nor a PNG file")
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
