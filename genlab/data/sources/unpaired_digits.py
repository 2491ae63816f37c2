"""Two domains out of one known data set: the pictures as they are, and their negatives on coloured paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from genlab.data.dataset import Dataset, Split
from genlab.data.sources.digits import digits
from genlab.data.sources.fashion_mnist import fashion_mnist
from genlab.data.sources.mnist import mnist
from genlab.data.spaces import of_shape
from genlab.errors import ConfigError
from genlab.signatures.ranges import Folder

gives = ("unpaired", "image", "integers", "labels")
gives_with = {"source=digits": ("8x8",), "source=mnist": ("28x28",), "source=fashion_mnist": ("28x28",)}

TINT = (1.0, 0.7, 0.2)
"""Red, green and blue of the paper: orange, which no grey picture has."""


def unpaired_digits(
    *,
    source: Literal["digits", "mnist", "fashion_mnist"] = "digits",
    root: Folder | None = None,
    download: bool = True,
) -> Dataset:
    """Unpaired translation whose truth is known: A white on black, B black on orange, both ``(N, 3, H, W)`` uint8.

    With grey values ``v`` of 0 ... 1, A is ``(v, v, v)`` and B is ``(1 - v) (1, 0.7, 0.2)``. In training the domains
    are disjoint halves, and no picture has its counterpart. In validation and test each domain has all pictures, and
    ``x_b[i]`` is the truth about ``x[i]``. Labels are kept in ``y`` and ``y_b``: a translation should not change them.

    Args:
        source: where the pictures come from; "digits" is bundled with scikit-learn and needs no download.
        root: as for `mnist`; "digits" has none.
        download: as for `mnist`.

    Raises:
        DataError: as `mnist` raises.
        ConfigError: ``root`` is given for "digits", or ``source`` is none of the three.
    """
    if source == "digits":
        if root is not None:
            raise ConfigError(
                f"data.root={root}: data.source=digits is built in and has no root; use data.source=mnist"
            )
        grey = digits()
    elif source in ("mnist", "fashion_mnist"):
        grey = (mnist if source == "mnist" else fashion_mnist)(root=root, download=download)
    else:
        raise ConfigError(f"data.source={source}: give digits, mnist or fashion_mnist")
    top = (grey.spec.levels or 256) - 1

    def split(part: Split, rows_a: slice, rows_b: slice) -> Split:
        assert part.y is not None
        return Split(plain(part.x[rows_a], top), part.y[rows_a], tinted(part.x[rows_b], top), part.y[rows_b])

    both = slice(None)
    return Dataset(
        name="unpaired_digits",
        spec=replace(grey.spec, space=of_shape((3, *grey.spec.event_shape[1:]), 256), layout="unpaired"),
        train=split(grey.train, slice(0, None, 2), slice(1, None, 2)),
        val=split(grey.val, both, both),
        test=split(grey.test, both, both),
    )


def plain(x: torch.Tensor, top: int) -> torch.Tensor:
    """Domain A: ``(N, 1, H, W)`` uint8 of the levels ``0 ... top`` -> ``(N, 3, H, W)`` uint8."""
    return _bytes(x.float() / top).expand(-1, 3, -1, -1).contiguous()


def tinted(x: torch.Tensor, top: int) -> torch.Tensor:
    """Domain B, the truth about A: the same shapes."""
    return _bytes((1 - x.float() / top) * torch.tensor(TINT).view(1, 3, 1, 1))


def _bytes(v: torch.Tensor) -> torch.Tensor:
    return (255 * v).round().to(torch.uint8)
