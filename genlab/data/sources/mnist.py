"""MNIST, Fashion-MNIST and binarised MNIST, read from their IDX files (torchvision's folders)."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from genlab.data.fetch.download import fetch, verify
from genlab.data.fetch.roots import data_root
from genlab.data.images.binarise import binarise, binarise_once
from genlab.data.spaces import Dataset, DataSpec, Split, of_levels
from genlab.data.split import held_out
from genlab.errors import DataError
from genlab.files import foreign

if TYPE_CHECKING:
    import os
    from pathlib import Path

MAX_IDX = 1 << 30
"""Bytes of an IDX file, unpacked, at most: twenty times those of the largest of these sets."""

SPLIT_SEED = 1998
BINARISE_SEEDS = {"val": 2008, "test": 2016}


@dataclass(frozen=True)
class Source:
    """Four files, their MD5 sums, packed and unpacked, and where they come from; the names of the classes."""

    name: str
    folder: str
    mirrors: tuple[str, ...]
    md5: dict[str, str]
    unpacked: dict[str, str]
    classes: tuple[str, ...]


MNIST = Source(
    name="mnist",
    folder="MNIST/raw",
    mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    md5={
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    unpacked={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    classes=tuple("0123456789"),
)
FASHION_MNIST = Source(
    name="fashion_mnist",
    folder="FashionMNIST/raw",
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    md5={
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    unpacked={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)


def mnist(*, root: str | os.PathLike[str] | None = None, download: bool = True, val_size: int = 5000) -> Dataset:
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
    return _load(MNIST, root=root, download=download, val_size=val_size)


def fashion_mnist(
    *, root: str | os.PathLike[str] | None = None, download: bool = True, val_size: int = 5000
) -> Dataset:
    """Fashion-MNIST under ``FashionMNIST/raw``: shapes, arguments and errors as for `mnist`.

    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
    2017, https://arxiv.org/abs/1708.07747.
    """
    return _load(FASHION_MNIST, root=root, download=download, val_size=val_size)


def binarized_mnist(
    *, root: str | os.PathLike[str] | None = None, download: bool = True, val_size: int = 5000
) -> Dataset:
    """Binarised MNIST, values {0, 1}: training batches drawn afresh by `train_transform`, val and test drawn once.

    ``train.x`` keeps the 8-bit pixels; ``val.x`` and ``test.x`` are 0 or 1, the same bits on every machine. The
    protocol is that of Salakhutdinov & Murray (2008) and Burda et al. (2016), see `genlab.data.images.binarise`;
    figures on the fixed training set of Larochelle & Murray (2011) are another task. Arguments and errors as for
    `mnist`.
    """
    grey = _load(MNIST, root=root, download=download, val_size=val_size)
    return replace(
        grey,
        name="binarized_mnist",
        spec=replace(grey.spec, space=of_levels(grey.spec.space, 2)),
        val=replace(grey.val, x=binarise_once(grey.val.x, seed=BINARISE_SEEDS["val"])),
        test=replace(grey.test, x=binarise_once(grey.test.x, seed=BINARISE_SEEDS["test"])),
        train_transform=binarise,
    )


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


def _load(source: Source, *, root: str | os.PathLike[str] | None, download: bool, val_size: int) -> Dataset:
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
