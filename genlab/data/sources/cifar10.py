"""CIFAR-10, read from the binary version of its archive: no pickle."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np

from genlab.data.cache import decoded, file_keys
from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.download import fetch, verify
from genlab.data.fetch.roots import data_root
from genlab.data.fetch.unpack import unpack_tar
from genlab.data.images.decode import as_tensor
from genlab.data.split import held_out
from genlab.errors import DataError
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "image", "32x32", "integers", "labels")

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE = "cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILES = ("test_batch.bin",)
RECORD = 1 + 3 * 32 * 32
# What is known of the unpacked files, of which no sums are published: pictures of each class in the five training
# batches together and in the test batch, and the SHA-256 of the first training picture (a frog).
PER_CLASS = (5000, 1000)
FIRST = "e052de7deb775f78e5e3b718032db5e72434ae6f0d34152c7ad434521631b17c"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SPLIT_SEED = 2009


def cifar10(*, root: Folder | None = None, download: bool = True, val_size: Positive = 5000) -> Dataset:
    """CIFAR-10: ``(N, 3, 32, 32)`` uint8 RGB, 10 classes; 45,000 / 5,000 / 10,000, test is the official one.

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
    https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf.

    Args:
        root: folder that holds ``cifar-10-binary.tar.gz`` or, unpacked, ``cifar-10-batches-bin/``; None:
            ``$GENLAB_DATA`` or ``~/.cache/genlab``.
        download: fetch the archive (170 MB) if neither is there.
        val_size: pictures cut from the training set by a fixed permutation.

    Raises:
        DataError: if the archive is missing and cannot be fetched, or is damaged; if the unpacked files are not
            those of CIFAR-10 (their sizes, the pictures of each class and the first picture are looked at).
        ConfigError: if `val_size` does not fit.
    """
    base = data_root(root, download=download, need=f"{ARCHIVE} from {URL}")
    archive, folder = base / ARCHIVE, base / FOLDER
    unpacked = [folder / name for name in (*TRAIN_FILES, *TEST_FILES)]
    if not archive.exists() and all(file.exists() for file in unpacked):
        sources = unpacked
    elif archive.exists() or download:
        sources = [fetch([URL], archive, md5=MD5) if not archive.exists() else archive]
    else:
        raise DataError(f"{archive} is missing: put it there from {URL}, or set data.download=true")

    def build() -> np.ndarray:
        if sources == unpacked:
            records = _records(folder)
            _check_known(records, folder)
            return records
        verify(archive, md5=MD5)
        with tempfile.TemporaryDirectory(prefix="genlab-") as scratch:
            return _records(unpack_tar(archive, Path(scratch) / "unpacked") / FOLDER)

    def check(array: np.ndarray) -> bool:
        return array.dtype == np.uint8 and array.ndim == 2 and array.shape[1] == RECORD and len(array) > len(TEST_FILES)

    records = decoded(("cifar10", 2, file_keys(sources, base=base)), base, build, check=check)
    labels, x = records[:, 0].astype(np.int64), records[:, 1:].reshape(-1, 3, 32, 32)
    num_train = len(records) * len(TRAIN_FILES) // (len(TRAIN_FILES) + len(TEST_FILES))
    kept, held = held_out(num_train, val_size, seed=SPLIT_SEED)

    def split(index: np.ndarray | slice) -> Split:
        return Split(as_tensor(np.ascontiguousarray(x[index])), as_tensor(np.ascontiguousarray(labels[index])))

    return Dataset(
        name="cifar10",
        spec=DataSpec(event_shape=(3, 32, 32), levels=256, num_classes=10, classes=CLASSES),
        train=split(kept),
        val=split(held),
        test=split(slice(num_train, None)),
    )


def _check_known(records: np.ndarray, folder: Path) -> None:
    """Refuse other data in the form of CIFAR-10."""
    num_train = len(records) * len(TRAIN_FILES) // (len(TRAIN_FILES) + len(TEST_FILES))
    labels = records[:, 0]
    counts = [np.bincount(part, minlength=10).tolist() for part in (labels[:num_train], labels[num_train:])]
    first = hashlib.sha256(records[0, 1:].tobytes()).hexdigest()
    if counts != [[each] * 10 for each in PER_CLASS] or first != FIRST:
        raise DataError(
            f"{folder} holds other pictures than those of CIFAR-10: put {ARCHIVE} from {URL} beside it, or move it away"
        )


def _records(folder: Path) -> np.ndarray:
    """``(N, 3073)`` uint8: a label and 3 x 32 x 32 pixels each; five training batches, then the test batch.

    Raises:
        DataError: if a file is missing, cut short or holds a label above 9; the message names it.
    """
    parts: list[np.ndarray] = []
    for name in (*TRAIN_FILES, *TEST_FILES):
        file = folder / name
        try:
            raw = np.fromfile(file, np.uint8)
        except OSError as error:
            raise DataError(f"{FOLDER}/{name} is missing or unreadable: put {ARCHIVE} from {URL} there") from error
        if raw.size == 0 or raw.size % RECORD or (parts and raw.size != parts[0].size):
            raise DataError(f"{FOLDER}/{name} is cut short ({raw.size} bytes): put {ARCHIVE} from {URL} there")
        parts.append(raw.reshape(-1, RECORD))
        if parts[-1][:, 0].max() > 9:
            raise DataError(f"{FOLDER}/{name} holds labels above 9: put {ARCHIVE} from {URL} there")
    return np.concatenate(parts)
