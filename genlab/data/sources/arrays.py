"""Your own arrays: one ``.npy`` or ``.npz`` file of images, vectors, tokens, waveforms, frames or videos."""

from __future__ import annotations

import math
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from genlab.data.cache import MAP_FROM, PART, chosen
from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.images.parts import data_name
from genlab.data.spaces import Frames, Image, Space, Tokens, Vector, Video, Waveform
from genlab.errors import ConfigError, DataError
from genlab.seeding import derive
from genlab.signatures.ranges import Folder, Positive, Seed

PARTS = ("train", "val", "test")
KEYS = ("x", "y", "c", "lengths")

FRACTION = 0.05
"""Of the examples that are validation, and as many test, where the file does not say which are."""

MOST_LEVELS = 2**31

Arrays = dict[str, np.ndarray]

LAYOUTS: dict[str, tuple[str, int, int]] = {
    "image": ("(N, C, H, W) or (N, H, W)", 3, 1),
    "vector": ("(N, D) or (N,)", 1, 1),
    "tokens": ("(N, L)", 1, 0),
    "waveform": ("(N, C, L) or (N, L)", 2, 1),
    "frames": ("(N, L, W)", 2, 0),
    "video": ("(N, F, C, H, W) or (N, F, H, W)", 4, 2),
}
"""By kind: what an array looks like; dimensions of an example; where one of size 1 is put in if need be, or 0."""

gives = ("one set",)
gives_with = {
    "kind=image": ("image",),
    "kind=vector": ("vector",),
    "kind=tokens": ("tokens", "integers"),
    "kind=waveform": ("waveform",),
    "kind=frames": ("frames",),
    "kind=video": ("video",),
    "levels=null": ("reals",),
    "levels=2": ("binary",),
}
may_give = {"labels": "y in the file", "vector condition": "c in the file", "integers": "", "binary": "", "reals": ""}


def arrays(
    *,
    root: Folder,
    kind: Literal["image", "vector", "tokens", "waveform", "frames", "video"] = "image",
    levels: Annotated[int, Field(ge=2, le=2147483648)] | Literal["auto"] | None = "auto",
    rate: Positive | None = None,
    seed: Seed = 0,
) -> Dataset:
    """Arrays of one file: ``x``, and where there are some labels ``y``, conditions ``c`` and ``lengths``.

    A ``.npy`` file is ``x`` alone. An ``.npz`` file may say what is which split: ``x_train``, ``y_train``, ``x_val``,
    ... Otherwise 90 % of the examples, by ``seed``, are trained on, 5 % are validation and 5 % test.

    A large ``.npy`` file of bytes, or of float32 with ``levels=null`` or ``auto``, stays on the disk: its splits are
    written beside it once, and mapped.

    Args:
        root: the file.
        kind: what an example is; see `LAYOUTS` for the shapes.
        levels: number of integer values; "auto": of integers one more than the largest one, but 256 of bytes above 1
            in images, videos and waveforms; null: real numbers.
        rate: samples of a waveform a second.
        seed: of the split.

    Raises:
        DataError: the file is none of these, or its arrays are not what `kind` and `levels` say.
        ConfigError: an argument is out of range.
    """
    if kind not in LAYOUTS:
        raise ConfigError(f"data.kind={kind}: there are {', '.join(LAYOUTS)}")
    if isinstance(levels, int) and not 2 <= levels <= MOST_LEVELS:
        raise ConfigError(f"data.levels={levels}: give 2 to {MOST_LEVELS}, auto or null")
    if rate is not None and kind != "waveform":
        raise ConfigError(f"data.rate={rate} is of waveforms, this is data.kind={kind}")
    path = Path(root).expanduser()
    found = read(path)
    splits = divided(found, path, seed=seed)
    for part in PARTS:
        splits[part]["x"] = _laid_out(splits[part]["x"], kind, f"{path}, x of {part}")
    values = [splits[part]["x"] for part in PARTS]
    count, notes = _levels(values, kind, levels, path)
    if len({x.shape[1:] for x in values}) > 1:
        raise DataError(
            f"{path}: examples of {' and '.join(str(x.shape[1:]) for x in values)}; all splits need one shape"
        )
    space = _space(kind, values[0].shape[1:], levels=count, ragged="lengths" in splits["train"], rate=rate)
    labels = [splits[part]["y"] for part in PARTS if "y" in splits[part]]
    conditions = splits["train"].get("c")
    spec = DataSpec(
        space=space,
        num_classes=int(max(y.max() for y in labels)) + 1 if labels else None,
        condition=None if conditions is None else Vector(math.prod(conditions.shape[1:])),
    )
    made = {part: _split(splits[part], spec, f"{path}, {part}") for part in PARTS}
    return Dataset(
        name=data_name(path.with_suffix("")),
        spec=spec,
        notes=tuple(notes),
        train=made["train"],
        val=made["val"],
        test=made["test"],
    )


def _space(kind: str, shape: tuple[int, ...], *, levels: int | None, ragged: bool, rate: int | None) -> Space:
    match kind, shape:
        case "image", (channels, height, width):
            return Image(channels, height, width, levels)
        case "vector", (dimensions,):
            return Vector(dimensions, levels)
        case "tokens", (length,):
            return Tokens(length, levels or 2, ragged)
        case "waveform", (channels, length):
            return Waveform(length, channels, levels, rate)
        case "frames", (length, width):
            return Frames(length, width, levels, ragged)
        case "video", (frames, channels, height, width):
            return Video(frames, channels, height, width, levels)
    raise ConfigError(f"data.kind={kind}: there are {', '.join(LAYOUTS)}")


def read(path: Path) -> Arrays:
    """The arrays of a file by name.

    Raises:
        DataError: it is no such file, or holds other things than numbers.
    """
    if not path.is_file():
        raise DataError(f"data.root={path} is no file: give a .npy or .npz file")
    try:
        held = np.load(path, allow_pickle=False, mmap_mode="r" if path.stat().st_size > MAP_FROM else None)
        if isinstance(held, np.ndarray):
            return {"x": held}
        with held:
            found = {name: held[name] for name in held.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: no .npy or .npz file of numbers ({error})") from error
    known = {*KEYS, *(f"{key}_{part}" for key in KEYS for part in PARTS)}
    unknown = sorted(set(found) - known)
    if unknown:
        raise DataError(f"{path}: holds {', '.join(unknown)}; give x, y, c and lengths, or x_train, x_val ...")
    if not found:
        raise DataError(f"{path}: holds no arrays; give x")
    for name, array in found.items():
        if array.dtype.kind not in "biuf":
            raise DataError(f"{path}: {name} is {array.dtype}; give numbers")
        if array.ndim == 0 or len(array) == 0:
            raise DataError(f"{path}: {name} holds no examples")
    return found


def divided(found: Arrays, path: Path, *, seed: int) -> dict[str, Arrays]:
    """The arrays of each split: as their names say, else by ``seed``; DataError where they do not go together."""
    named = any(name.startswith("x_") for name in found)
    return _by_name(found, path) if named else _by_seed(found, path, seed=seed)


def _by_name(found: Arrays, path: Path) -> dict[str, Arrays]:
    """The file says what is which split; val serves a test that is missing, and is cut from train where it is."""
    if "x_train" not in found:
        raise DataError(f"{path}: no x_train among {', '.join(found)}")
    splits = {
        part: {key: found[f"{key}_{part}"] for key in KEYS if f"{key}_{part}" in found}
        for part in PARTS
        if f"x_{part}" in found
    }
    for part in splits:
        _same_length(splits[part], f"{path}, {part}")
        if splits[part].keys() != splits["train"].keys():
            raise DataError(
                f"{path}: train has {', '.join(splits['train'])}, {part} has {', '.join(splits[part])}; give all alike"
            )
    if "val" not in splits:
        kept, held = _dealt(len(splits["train"]["x"]), (2 * FRACTION,), seed=0, path=path)
        splits["val"] = {key: each[held] for key, each in splits["train"].items()}
        splits["train"] = {key: each[kept] for key, each in splits["train"].items()}
    splits.setdefault("test", dict(splits["val"]))
    return splits


def _by_seed(found: Arrays, path: Path, *, seed: int) -> dict[str, Arrays]:
    if "x" not in found:
        raise DataError(f"{path}: no x among {', '.join(found)}")
    _same_length(found, str(path))
    index = dict(zip(PARTS, _dealt(len(found["x"]), (FRACTION, FRACTION), seed=seed, path=path), strict=True))
    splits = {part: {key: each[rows] for key, each in found.items() if key != "x"} for part, rows in index.items()}
    for part, rows in index.items():
        splits[part]["x"] = chosen(found["x"], rows, path)
    return splits


def _dealt(n: int, fractions: tuple[float, ...], *, seed: int, path: Path) -> list[np.ndarray]:
    """Ascending indices: of the rest, then of each fraction; one example at least for each."""
    sizes = [max(1, round(fraction * n)) for fraction in fractions]
    if n <= sum(sizes):
        raise DataError(f"{path}: {n} example(s); there must be {sum(sizes) + 1} at least, for train, val and test")
    order = np.random.RandomState(derive(seed, "split") % 2**32).permutation(n)
    bounds = np.cumsum([0, *sizes])
    held = [np.sort(order[start:stop]) for start, stop in pairwise(bounds)]
    return [np.sort(order[bounds[-1] :]), *held]


def _same_length(found: Arrays, where: str) -> None:
    for name, each in found.items():
        if len(each) != len(found["x"]):
            raise DataError(f"{where}: {len(found['x'])} examples in x, but {len(each)} in {name}")


def _laid_out(x: np.ndarray, kind: str, where: str) -> np.ndarray:
    """``x`` with the dimension that stands for one channel."""
    shapes, dimensions, place = LAYOUTS[kind]
    if x.ndim == dimensions and place:
        x = np.expand_dims(x, place)
    if x.ndim != dimensions + 1:
        raise DataError(f"{where}: shape {x.shape}; data.kind={kind} needs {shapes}")
    if kind in ("image", "video") and x.shape[-1] in (1, 3) and x.shape[-3] not in (1, 3):
        raise DataError(f"{where}: shape {x.shape} has its channels last; move them before height and width: {shapes}")
    return x


def _levels(values: list[np.ndarray], kind: str, levels: int | str | None, path: Path) -> tuple[int | None, list[str]]:
    """How many integer values there are, and the sentence that says so where nobody did."""
    whole = all(x.dtype.kind in "biu" for x in values)
    if levels is None or (levels == "auto" and not whole):
        if kind == "tokens":
            raise DataError(f"{path}: tokens are integers, x is {values[0].dtype}; give integers")
        return None, []
    for x in values:
        parts = np.array_split(x, max(1, x.nbytes // PART))
        if not whole and not all(np.isfinite(part).all() and (part == np.round(part)).all() for part in parts):
            raise DataError(f"{path}: data.levels={levels}, but x is not of integers; use data.levels=null")
    low, high = int(min(x.min() for x in values)), int(max(x.max() for x in values))
    if low < 0:
        raise DataError(f"{path}: x has the value {low}; integers count from 0 (data.levels=null reads real numbers)")
    if isinstance(levels, int):
        if high >= levels:
            raise DataError(f"{path}: x has the value {high}, data.levels={levels} ends at {levels - 1}")
        return levels, []
    if high >= MOST_LEVELS:
        raise DataError(f"{path}: x has the value {high}, the largest that fits is {MOST_LEVELS - 1}")
    count = max(2, high + 1)
    if kind in ("image", "video", "waveform") and values[0].dtype == np.uint8 and count > 2:
        count = 256
    return count, [f"{path}: {count} levels, by the values of x; give data.levels where there are others."]


def _split(found: Arrays, spec: DataSpec, where: str) -> Split:
    x = torch.from_numpy(np.ascontiguousarray(_wide(found["x"]))).to(spec.dtype)
    y, c, lengths = found.get("y"), found.get("c"), found.get("lengths")
    if y is not None and (y.ndim != 1 or y.dtype.kind not in "biu"):
        raise DataError(f"{where}: y is {y.dtype} of shape {y.shape}; give one integer an example")
    long = None
    if lengths is not None:
        if not spec.space.ragged:
            raise DataError(f"{where}: lengths are of data.kind=tokens or frames, this is {spec.space.kind}")
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
            raise DataError(f"{where}: lengths are {lengths.dtype} of shape {lengths.shape}; give an integer each")
        if lengths.min() < 1 or lengths.max() > x.shape[1]:
            raise DataError(f"{where}: lengths from {lengths.min()} to {lengths.max()}; give 1 to {x.shape[1]}")
        long = torch.from_numpy(lengths.astype(np.int64))
        padding = torch.arange(x.shape[1]) >= long[:, None]
        x[padding] = 0
    if c is not None:
        if not np.isfinite(c).all():
            raise DataError(f"{where}: c holds numbers that are not finite")
        c = c.astype(np.float32).reshape(len(c), -1)
    return Split(
        x,
        y=None if y is None else torch.from_numpy(y.astype(np.int64)),
        c=None if c is None else torch.from_numpy(c),
        lengths=long,
    )


def _wide(x: np.ndarray) -> np.ndarray:
    """Of a type that torch has in every version."""
    return x.astype(np.int64) if x.dtype.kind == "u" and x.dtype.itemsize > 1 else x
