"""scikit-learn's bundled digits: 8x8 pictures, no download."""

from __future__ import annotations

import numpy as np
import torch

from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.data.split import held_out

SPLIT_SEED = 1998
NUM_VAL = 300
NUM_TEST = 300


def digits() -> Dataset:
    """Handwritten digits, ``(N, 1, 8, 8)`` uint8 with 17 levels 0..16, 10 classes, 1197 / 300 / 300.

    The data set has no official split; this one is fixed. E. Alpaydin, C. Kaynak, "Optical Recognition of
    Handwritten Digits", UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49 (its test part, as
    bundled with scikit-learn).
    """
    from sklearn.datasets import load_digits  # heavy: only those who ask for digits pay for it

    bunch = load_digits()
    x = np.rint(bunch.images).astype(np.uint8)[:, None]
    y = bunch.target.astype(np.int64)
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
