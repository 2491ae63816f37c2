"""Small integers beside the examples, which no model describes: lengths and labels."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import torch
from torch import Tensor

from genlab.errors import DataError


def written(numbers: Tensor | None) -> str | None:
    """``(n,)`` integers from 0 to 2^32 - 1 as text, deflated byte plane by byte plane."""
    if numbers is None:
        return None
    planes = numbers.numpy().astype("<u4").view(np.uint8).reshape(-1, 4).T
    return base64.b85encode(zlib.compress(planes.tobytes(), 9)).decode()


def read(text: object, n: int) -> Tensor | None:
    """The n integers that `written` wrote.

    Raises:
        DataError: it did not write this.
    """
    if text is None:
        return None
    try:
        inflate = zlib.decompressobj()
        planes = inflate.decompress(base64.b85decode(str(text)), 4 * n + 1)
        numbers = np.frombuffer(planes, np.uint8).reshape(4, n).T.copy().view("<u4")[:, 0]
    except (ValueError, zlib.error) as error:
        raise DataError(f"lengths or labels of the compressed examples cannot be read ({error})") from error
    return torch.from_numpy(numbers.astype(np.int64))
