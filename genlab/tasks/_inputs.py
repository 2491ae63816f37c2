"""A user's pictures as examples of a model's data: a file or a folder, of the size that is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genlab.data.images.convert import BadPictureError
from genlab.data.images.decode import bad_message
from genlab.data.images.read import given_pictures, read_whole
from genlab.data.spaces import DataSpec
from genlab.errors import DataError
from genlab.process.printable import printable


def pictures(given: str, spec: DataSpec, *, shape: tuple[int, ...], n: int) -> Tensor:
    """The first n pictures of a file or a folder, by name: ``(n, *shape) float32`` on the unit scale.

    Args:
        given: path of a picture, or of a folder, whose folders are looked into as well.
        spec: of the model's data.
        shape: ``(C, H, W)`` that they must have; colours become grey, and grey colours, where C says so.
        n: at most.

    Raises:
        DataError: there are none, one cannot be read, or is of another size.
    """
    source = Path(given).expanduser()
    said = printable(str(source))
    files = given_pictures(source)[:n]
    found: list[np.ndarray] = []
    reasons = {}
    channels, height, width = shape
    for i, file in enumerate(files):
        try:
            x = read_whole(file, channels=channels, value_range=spec.value_range).x
        except BadPictureError as error:
            reasons[i] = str(error)
            continue
        if x.shape[1:] != (height, width):
            reasons[i] = f"is {x.shape[2]}x{x.shape[1]} pixels, the model needs {width}x{height}"
            continue
        found.append(x)
    if reasons and source.is_file():
        raise DataError(f"input={said}: {reasons[0]}; resize it or give another picture")
    if reasons:
        raise DataError(bad_message(reasons, files, base=source, remedy="resize them"))
    return torch.from_numpy(np.stack(found)).float() / 255
