"""scikit-learn's bundled digits: 8x8 pictures, no download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.split import held_out

gives = ("one set", "image", "8x8", "integers", "labels")

SPLIT_SEED = 1998
NUM_VAL = 300
NUM_TEST = 300


def digits() -> Dataset:
    """Handwritten digits, ``(N, 1, 8, 8)`` uint8 with 17 levels 0..16, 10 classes, 1197 / 300 / 300.

    The data set has no official split; this one is fixed. E. Alpaydin, C. Kaynak, "Optical Recognition of
    Handwritten Digits", UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49 (its test part, as
    bundled with scikit-learn).
    """
    table = _table()
    x = np.rint(table[:, :-1]).astype(np.uint8).reshape(-1, 1, 8, 8)
    y = table[:, -1].astype(np.int64)
    rest, test = held_out(len(x), NUM_TEST, seed=SPLIT_SEED)
    kept, held = held_out(len(rest), NUM_VAL, seed=SPLIT_SEED + 1)

    def split(index: np.ndarray) -> Split:
        return Split(torch.from_numpy(x[index]), torch.from_numpy(y[index]))

    return Dataset(
        name="digits",
        spec=DataSpec(event_shape=(1, 8, 8), levels=17, num_classes=10, classes=tuple("0123456789")),
        train=split(rest[kept]),
        val=split(rest[held]),
        test=split(test),
    )


def _table() -> np.ndarray:
    """What scikit-learn bundles, ``(1797, 65)``: 64 pixels and the label.

    Read from its file, since `load_digits` takes a second of computing to import and reads the same; where a release of
    scikit-learn keeps it elsewhere, that is who reads it.
    """
    package = find_spec("sklearn")
    assert package is not None  # a dependency
    for folder in package.submodule_search_locations or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
