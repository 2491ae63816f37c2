"""Digits that bounce in a square: the frames to come, given those that were."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.sources.digits import digits as bundled
from genlab.data.sources.mnist import mnist
from genlab.data.spaces import Video
from genlab.data.video.bouncing import film, paths
from genlab.errors import ConfigError
from genlab.seeding import derive
from genlab.signatures.ranges import Folder, Positive, Seed

gives = ("one set", "video", "integers", "video condition")

PART = 10
"""There is one clip to validate and one to test for so many to train."""


def moving_digits(
    *,
    source: Literal["digits", "mnist"] = "digits",
    past: Positive = 5,
    frames: Positive = 5,
    size: Annotated[int, Field(ge=8, le=256)] = 24,
    digits: Annotated[int, Field(ge=1, le=8)] = 2,
    count: Positive = 2000,
    seed: Seed = 0,
    root: Folder | None = None,
    download: bool = True,
) -> Dataset:
    """Moving digits: ``frames`` pictures to come as data, ``(N, F, 1, S, S) uint8``, the ``past`` ones as condition.

    Each clip has digits of its own, each with a place, a direction and a speed, thrown back by the walls; where they
    overlap the brighter one is seen. After "Unsupervised Learning of Video Representations using LSTMs", N. Srivastava,
    E. Mansimov, R. Salakhutdinov, 2015, https://arxiv.org/abs/1502.04681; with ``source=mnist size=64 past=10
    frames=10`` clips are like theirs, but not theirs. Validation and test clips show digits of those splits only.

    Args:
        source: where digits come from: "digits" are 8x8, bundled, and need no download; "mnist" are 28x28.
        past: frames that are known.
        frames: frames to foresee.
        size: side of the square; of "mnist" usually 64.
        digits: in each clip.
        count: training clips; a tenth as many are validation, and test.
        seed: of digits, places, directions and speeds.
        root: as for `mnist`; "digits" has none.
        download: as for `mnist`.

    Raises:
        DataError: as `mnist` raises.
        ConfigError: the square is smaller than a digit, or "digits" is given a root.
    """
    if source == "digits" and root is not None:
        raise ConfigError(f"data.root={root}: data.source=digits is built in and has no root; use data.source=mnist")
    still = bundled() if source == "digits" else mnist(root=root, download=download)
    least = still.spec.event_shape[-1]
    if size < least:
        raise ConfigError(
            f"data.size={size}: digits of data.source={source} have {least} pixels a side; give data.size=64"
        )

    def split(part: str, n: int) -> Split:
        generator = torch.Generator().manual_seed(derive(seed, "moving_digits", part))
        clips = _clips(getattr(still, part).x[:, 0], n, digits, past + frames, side=size, generator=generator)
        return Split(clips[:, past:].contiguous(), c=clips[:, :past].contiguous())

    few = max(1, count // PART)
    return Dataset(
        name="moving_digits",
        spec=DataSpec(
            space=Video(frames, 1, size, size, still.spec.levels),
            condition=Video(past, 1, size, size, still.spec.levels),
        ),
        train=split("train", count),
        val=split("val", few),
        test=split("test", few),
    )


def _clips(
    pictures: torch.Tensor, n: int, each: int, frames: int, *, side: int, generator: torch.Generator
) -> torch.Tensor:
    """``(n, frames, 1, side, side) uint8``, each clip with ``each`` of the ``pictures (N, h, w)``."""
    chosen = torch.randint(len(pictures), (n, each), generator=generator)
    room = side - pictures.shape[-1]
    positions = paths(n * each, frames, room=room, side=side, generator=generator)
    return film(pictures[chosen], positions.view(n, each, frames, 2), side=side)[:, :, None]
