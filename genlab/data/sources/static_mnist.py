"""Statically binarised MNIST: the fixed pixels of the benchmark."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.download import fetch
from genlab.data.fetch.roots import data_root
from genlab.errors import DataError
from genlab.files import foreign
from genlab.signatures.ranges import Folder

if TYPE_CHECKING:
    from pathlib import Path

gives = ("one set", "image", "28x28", "integers", "binary")

WHERE = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"

MD5 = {
    "train": "db28b1a6ae0fe70cbd3da91acf46e477",
    "valid": "bf37822a04e94123630de6a7dfd9c9ef",
    "test": "14e41ae11040adba6ab8cb291eda0dd8",
}
"""Of the unpacked text of each part."""

LINE = 2 * 784
"""Bytes of a picture: a digit and a blank, or the end of the line, for each pixel."""

MAX_TEXT = 1 << 28


def static_mnist(*, root: Folder | None = None, download: bool = True) -> Dataset:
    """Binarised MNIST whose training pixels were drawn once too: 50,000 / 10,000 / 10,000 without labels, official.

    H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", AISTATS 2011,
    https://proceedings.mlr.press/v15/larochelle11a.html. Figures are one to two nats from those of `binarized_mnist`,
    whose training pictures are drawn afresh: never set them side by side.

    Args:
        root: folder that holds ``static_mnist/binarized_mnist_{train,valid,test}.amat`` or ``.amat.gz``; None:
            ``$GENLAB_DATA`` or ``~/.cache/genlab``.
        download: fetch files that are missing.

    Raises:
        DataError: a file is missing and cannot be fetched, or is not the original one.
    """
    need = f"static_mnist/binarized_mnist_{{train,valid,test}}.amat from {WHERE}"
    folder = data_root(root, download=download, need=need) / "static_mnist"
    train, val, test = (Split(_pictures(folder, part, download=download)) for part in ("train", "valid", "test"))
    return Dataset("static_mnist", DataSpec((1, 28, 28), 2), train=train, val=val, test=test)


def _pictures(folder: Path, part: str, *, download: bool) -> torch.Tensor:
    """``(N, 1, 28, 28)`` uint8 of 0 and 1."""
    path, text = _text(folder, part, download=download)
    found = hashlib.md5(text, usedforsecurity=False).hexdigest()
    if found != MD5[part]:
        raise DataError(f"{path} is damaged or another file (md5 {found}, expected {MD5[part]}): put {path.name} there")
    pixels = np.frombuffer(text, np.uint8).reshape(-1, LINE)[:, ::2] - ord("0")
    return torch.from_numpy(pixels.reshape(-1, 1, 28, 28))


def _text(folder: Path, part: str, *, download: bool) -> tuple[Path, bytes]:
    """A file, and what it says unpacked."""
    name = f"binarized_mnist_{part}.amat"
    packed, plain = folder / f"{name}.gz", folder / name
    if not packed.exists() and not plain.exists():
        if not download:
            raise DataError(f"{plain} is missing: put {name} from {WHERE} there, or set data.download=true")
        fetch([WHERE + name], plain, md5=MD5[part])
    path = packed if packed.exists() else plain
    try:
        raw = foreign.read_bytes(path, most=MAX_TEXT, links=True)
        if path is packed:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
                raw = file.read(MAX_TEXT)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}): move it away and run again") from error
    return path, raw
