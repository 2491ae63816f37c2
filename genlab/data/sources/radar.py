"""Rain over the Netherlands, as a radar sees it every five minutes: the frames to come, given those that were."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.roots import data_root
from genlab.data.spaces import Video
from genlab.data.video.rain import STEP, levels_of
from genlab.errors import ConfigError, DataError
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "video", "integers", "video condition")

FOLDER = "knmi_radar_20100826"
FILE = "knmi_20100826_0000-0735.npz"
ADDRESS = "https://github.com/pySTEPS/pysteps-data (radar/KNMI/2010/08)"

MINUTES = 5.0
OUTSIDE = 255
"""Marks what no radar sees."""

TIMES = {"train": (0.0, 0.61), "val": (0.61, 0.785), "test": (0.785, 1.0)}
"""The parts of the time: of the 92 frames 56, 16 and 20."""

LEVELS = 256


def radar(
    *,
    root: Folder | None = None,
    past: Positive = 4,
    frames: Positive = 6,
    size: Annotated[int, Field(ge=8, le=256)] = 128,
    coarse: Literal[1, 2, 4, 8] = 1,
    copies: Literal[1, 2, 4, 8] = 1,
) -> Dataset:
    """Rain radar of KNMI, 26 August 2010, 00:00 to 07:35 UTC: 92 frames of 417 x 419 km, one every 5 minutes.

    An example is a square that the radar sees whole, at ``frames`` times to come, ``(N, F, 1, S, S) uint8``; the
    ``past`` ones before are its condition. Levels are logarithms of rain rates, see `genlab.data.video.rain`. Splits
    are in time, and no window crosses from one into another: training 00:00 to 04:35, validation 04:40 to 05:55, test
    06:00 to 07:35. Squares overlap by half in training, and not at all in validation and test.

    Royal Netherlands Meteorological Institute (KNMI), as the pysteps project holds it,
    https://github.com/pySTEPS/pysteps-data; "Pysteps: An Open-Source Python Library for Probabilistic Precipitation
    Nowcasting", S. Pulkkinen and others, 2019, https://doi.org/10.5194/gmd-12-4185-2019

    Args:
        root: the folder ``knmi_radar_20100826``, or one that holds it, or the file; None: ``$GENLAB_DATA`` or
            ``~/.cache/genlab``.
        past: frames that are known.
        frames: frames to foresee; 6 are half an hour.
        size: side of the square, in cells.
        coarse: side of a cell in km: rates are means over it.
        copies: of each training example: as it is, turned by half, mirrored, turned by a quarter.

    Raises:
        DataError: the file is not there, or another one; the message says where it is to be had.
        ConfigError: so many frames are in no split, or no square of this size is seen whole.
    """
    path = _found(root)
    known = _read(path)
    seen = F.avg_pool2d((known != OUTSIDE).float()[:, None], coarse)[:, 0].amin(0) == 1
    rate = F.avg_pool2d(STEP * known.float()[:, None], coarse)[:, 0]
    levels = levels_of(rate, LEVELS).to(torch.uint8)

    times = {part: tuple(round(share * len(levels)) for share in shares) for part, shares in TIMES.items()}
    shortest = min(end - first for first, end in times.values())
    if shortest < past + frames:
        raise ConfigError(f"data.past={past} data.frames={frames}: a split has {shortest} frames in all; give fewer")
    apart = squares(seen, size, step=None)
    if not apart:
        raise ConfigError(f"data.size={size} data.coarse={coarse}: no such square is seen whole; give a smaller size")

    def split(part: str) -> Split:
        first, end = times[part]
        tiles = (squares(seen, size, step=size // 2) if part == "train" else []) or apart
        windows = [levels[t : t + past + frames] for t in range(first, end - past - frames + 1)]
        cut = [each[:, None, top : top + size, left : left + size] for each in windows for top, left in tiles]
        clips = torch.stack(cut)
        if part == "train":
            clips = turned(clips, copies)
        return Split(clips[:, past:].contiguous(), c=clips[:, :past].contiguous())

    return Dataset(
        name="radar",
        spec=DataSpec(
            space=Video(frames, 1, size, size, LEVELS, measure="rain", minutes=MINUTES),
            condition=Video(past, 1, size, size, LEVELS, measure="rain", minutes=MINUTES),
        ),
        train=split("train"),
        val=split("val"),
        test=split("test"),
    )


def turned(clips: Tensor, copies: int) -> Tensor:
    """Clips ``(N, ..., S, S)`` and their images under symmetries of the square, ``(copies N, ..., S, S)``."""
    found = clips
    for count, image in ((2, lambda x: x.flip(-1, -2)), (4, lambda x: x.flip(-1)), (8, lambda x: x.mT)):
        found = torch.cat([found, image(found)]) if copies >= count else found
    return found


def squares(seen: Tensor, size: int, *, step: int | None) -> list[tuple[int, int]]:
    """Upper left corners of the squares of which all is seen, row by row.

    Args:
        seen: ``(H, W) bool``.
        size: side of a square.
        step: from one to the next; None: they do not overlap, and lie so that there are as many as can be.
    """
    if min(seen.shape) < size:
        return []
    whole = F.max_pool2d(1 - seen.double()[None, None], size, stride=1)[0, 0] == 0
    if step is not None:
        return _corners(whole, (0, 0), step)
    fine = max(1, size // 16)
    starts = [(top, left) for top in range(0, size, fine) for left in range(0, size, fine)]
    return max((_corners(whole, start, size) for start in starts), key=len)


def _corners(whole: Tensor, start: tuple[int, int], step: int) -> list[tuple[int, int]]:
    top, left = start
    found = whole[top::step, left::step].nonzero() * step + torch.tensor(start)
    return [(row, column) for row, column in found.tolist()]


def _found(root: Folder | None) -> Path:
    need = f"{FOLDER}/{FILE} from {ADDRESS}"
    if root is not None and Path(root).expanduser().is_file():
        return Path(root).expanduser()
    folder = data_root(root, need=need)
    path = next((each for each in (folder / FOLDER / FILE, folder / FILE) if each.is_file()), None)
    if path is None:
        raise DataError(f"{folder} holds no {FOLDER}: put {need} there, or give another data.root")
    return path


def _read(path: Path) -> Tensor:
    """``(T, H, W) uint8`` in 0.01 mm per 5 minutes, `OUTSIDE` where nothing is known."""
    try:
        with np.load(path, allow_pickle=False) as held:
            known = held["precip"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{path} holds no array precip ({error}): put the original file there") from error
    if known.dtype != np.uint8 or known.ndim != 3:
        raise DataError(f"{path}: precip is {known.dtype} of shape {known.shape}, not bytes (T, H, W); see {ADDRESS}")
    return torch.from_numpy(known)
