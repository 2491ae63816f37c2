"""Binarised MNIST: MNIST with each pixel drawn as a coin."""

from __future__ import annotations

from dataclasses import replace

from genlab.data.dataset import Dataset
from genlab.data.images.binarise import binarise, binarise_once
from genlab.data.sources.mnist import MNIST, load
from genlab.data.spaces import of_levels
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "image", "28x28", "integers", "binary", "labels")

BINARISE_SEEDS = {"val": 2008, "test": 2016}


def binarized_mnist(*, root: Folder | None = None, download: bool = True, val_size: Positive = 5000) -> Dataset:
    """Binarised MNIST, values {0, 1}: training batches drawn afresh by `train_transform`, val and test drawn once.

    ``train.x`` keeps the 8-bit pixels; ``val.x`` and ``test.x`` are 0 or 1, the same bits on every machine. The
    protocol is that of Salakhutdinov & Murray (2008) and Burda et al. (2016), see `genlab.data.images.binarise`;
    figures on the fixed training set of Larochelle & Murray (2011) are another task. Arguments and errors as for
    `mnist`.
    """
    grey = load(MNIST, root=root, download=download, val_size=val_size)
    return replace(
        grey,
        name="binarized_mnist",
        spec=replace(grey.spec, space=of_levels(grey.spec.space, 2)),
        val=replace(grey.val, x=binarise_once(grey.val.x, seed=BINARISE_SEEDS["val"])),
        test=replace(grey.test, x=binarise_once(grey.test.x, seed=BINARISE_SEEDS["test"])),
        train_transform=binarise,
    )
