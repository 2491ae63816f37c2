"""MNIST, read from its IDX files (torchvision's folders), as all sets in them are."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.download import fetch, verify
from genlab.data.fetch.roots import data_root
from genlab.data.split import held_out
from genlab.errors import DataError
from genlab.files import foreign
from genlab.signatures.ranges import Folder, Positive

if TYPE_CHECKING:
    from pathlib import Path

gives = ("one set", "image", "28x28", "integers", "labels")

MAX_IDX = 1 << 30
"""Bytes of an IDX file, unpacked, at most: twenty times those of the largest of these sets."""

SPLIT_SEED = 1998


@dataclass(frozen=True)
class Source:
    """Four files: what torchvision calls the set, the MD5 sums of the unpacked files, the names of the classes.

    Addresses and the sums of the packed files are torchvision's, which is imported when a set is read: for two seconds
    of computing.
    """

    name: str
    folder: str
    known_as: str
    unpacked: dict[str, str]
    classes: tuple[str, ...]

    @property
    def mirrors(self) -> list[str]:
        """Where the files come from, in the order of preference."""
        return list(self._known.mirrors)

    @property
    def md5(self) -> dict[str, str]:
        """The sum of each packed file, by its name without ``.gz``."""
        return {name.removesuffix(".gz"): md5 for name, md5 in self._known.resources}

    @property
    def _known(self) -> Any:
        from torchvision import datasets

        return getattr(datasets, self.known_as)


MNIST = Source(
    name="mnist",
    folder="MNIST/raw",
    known_as="MNIST",
    unpacked={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    classes=tuple("0123456789"),
)


def mnist(*, root: Folder | None = None, download: bool = True, val_size: Positive = 5000) -> Dataset:
    """MNIST: ``(N, 1, 28, 28)`` uint8, 10 classes; 55,000 / 5,000 / 10,000 by default, test is the official one.

    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE
    86(11), 1998, https://doi.org/10.1109/5.726791.

    Args:
        root: folder that holds ``MNIST/raw/*.gz`` (or the unpacked files); None: ``$GENLAB_DATA`` or
            ``~/.cache/genlab``.
        download: fetch files that are missing.
        val_size: pictures cut from the training set by a fixed permutation.

    Raises:
        DataError: if a file is missing and cannot be fetched, or is not the original one.
        ConfigError: if `val_size` does not fit.
    """
    return load(MNIST, root=root, download=download, val_size=val_size)


def read_idx(path: Path, *, ndim: int) -> np.ndarray:
    """Read an IDX file of bytes, gzipped or not.

    Returns:
        Array of `ndim` axes, uint8.

    Raises:
        DataError: if the file is unreadable, of another magic number, cut short or too long; the message names it.
    """
    try:
        raw = foreign.read_bytes(path, most=MAX_IDX, links=True)
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
                raw = file.read(MAX_IDX + 1)
        if len(raw) > MAX_IDX:
            raise OSError(f"it holds more than {MAX_IDX} bytes")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}): move it away and run again") from error
    start = 4 + 4 * ndim
    # Magic number: two zero bytes, 0x08 for unsigned bytes, the number of axes; then the sizes, big-endian.
    if len(raw) < start or raw[:4] != bytes((0, 0, 8, ndim)):
        raise DataError(f"{path} is not an IDX file of {ndim} axes of bytes: put the original file there")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", count=ndim, offset=4))
    if len(raw) - start != math.prod(shape):
        raise DataError(
            f"{path} holds {len(raw) - start} bytes, its header says {math.prod(shape)}: put the original file there"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def load(source: Source, *, root: Folder | None, download: bool, val_size: int) -> Dataset:
    """A set in IDX files; arguments and errors as for `mnist`."""
    need = f"{source.folder}/{{{','.join(f'{stem}.gz' for stem in source.md5)}}} from {source.mirrors[0]}"
    folder = data_root(root, download=download, need=need) / source.folder
    x, y = _pair(source, folder, "train", download=download)
    x_test, y_test = _pair(source, folder, "t10k", download=download)
    kept, held = held_out(len(x), val_size, seed=SPLIT_SEED)

    def split(images: np.ndarray, labels: np.ndarray) -> Split:
        return Split(torch.from_numpy(images), torch.from_numpy(labels))

    return Dataset(
        name=source.name,
        spec=DataSpec(event_shape=(1, 28, 28), levels=256, num_classes=10, classes=source.classes),
        train=split(x[kept], y[kept]),
        val=split(x[held], y[held]),
        test=split(x_test, y_test),
    )


def _pair(source: Source, folder: Path, part: str, *, download: bool) -> tuple[np.ndarray, np.ndarray]:
    images = _locate(source, folder, f"{part}-images-idx3-ubyte", download=download)
    labels = _locate(source, folder, f"{part}-labels-idx1-ubyte", download=download)
    x, y = read_idx(images, ndim=3), read_idx(labels, ndim=1)
    if x.shape[1:] != (28, 28):
        raise DataError(f"{images} holds pictures of {x.shape[1]}x{x.shape[2]}, not 28x28: put the original file there")
    if len(x) != len(y):
        raise DataError(f"{images} holds {len(x)} pictures, {labels.name} {len(y)} labels: they do not belong together")
    if len(y) == 0 or y.max() > 9:
        raise DataError(f"{labels} holds no labels 0..9: put the original file there")
    return x[:, None].copy(), y.astype(np.int64)


def _locate(source: Source, folder: Path, stem: str, *, download: bool) -> Path:
    packed, plain = folder / f"{stem}.gz", folder / stem
    if packed.exists():
        verify(packed, md5=source.md5[stem])
        return packed
    if plain.exists():  # as much to be doubted as the packed file: other data sets bear the same names
        verify(plain, md5=source.unpacked[stem])
        return plain
    if not download:
        raise DataError(
            f"{packed} is missing: put {packed.name} from {source.mirrors[0]} there, or set data.download=true"
        )
    return fetch([mirror + packed.name for mirror in source.mirrors], packed, md5=source.md5[stem])
