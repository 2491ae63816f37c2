"""The figure that shows more of examples than a sheet of small pictures does, by space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np
from torch import Tensor

from genlab.data.dataset import DataSpec
from genlab.data.lengths import ended
from genlab.data.spaces import Frames, Space, Waveform
from genlab.evaluation.artefacts import rolls, spectrograms
from genlab.evaluation.artefacts.grids import grid


@singledispatch
def figure(
    space: Space, x: Tensor, lengths: Tensor | None = None, *, names: Sequence[str] | None = None
) -> np.ndarray | None:
    """Examples explained, ``(H, W, 3) uint8``: the first `shown` of them; None where a sheet says it all.

    Args:
        space: of an example.
        x: ``(B, *event_shape)``, or of another length, on the data's own scale.
        lengths: ``(B,)``, of each; what comes after them is not drawn.
        names: of each, for its title; None: "sample 1" and so on.
    """
    return None


@figure.register
def _(
    space: Waveform, x: Tensor, lengths: Tensor | None = None, *, names: Sequence[str] | None = None
) -> np.ndarray | None:
    return None if space.rate is None else spectrograms.spectrograms(space, x, lengths, names=names)


@figure.register
def _(
    space: Frames, x: Tensor, lengths: Tensor | None = None, *, names: Sequence[str] | None = None
) -> np.ndarray | None:
    return None if space.first_key is None else rolls.rolls(space, x, lengths, names=names)


def most(space: Space) -> int | None:
    """How many examples `figure` shows at most; None where there is none."""
    match space:
        case Waveform(rate=int()):
            return spectrograms.SHOWN
        case Frames(first_key=int()):
            return rolls.SHOWN
    return None


def shown(space: Space, n: int) -> int:
    """How many of n examples a picture of them shows: all in a sheet, the first few in a figure."""
    limit = most(space)
    return n if limit is None else min(n, limit)


def picture(spec: DataSpec, x: Tensor, lengths: Tensor | None = None, *, columns: int | None = None) -> np.ndarray:
    """The figure that explains drawn examples, else a sheet of them; ``(H, W, 3) uint8``."""
    explained = figure(spec.space, x, ended(spec.space, x) if lengths is None else lengths)
    return grid(x, spec, columns=columns) if explained is None else explained
