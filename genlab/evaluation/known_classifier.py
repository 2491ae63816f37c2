"""The classifier of a data set, trained once and kept: its weights, and its accuracy on the test split."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from genlab.data.cache import kept
from genlab.data.fingerprint import digest
from genlab.data.spaces import Dataset
from genlab.evaluation import classifier
from genlab.evaluation.classifier import Classifier


def known_classifier(
    data: Dataset, *, progress: Callable[[Iterable, int], Iterable], say: Callable[[str], None]
) -> tuple[Classifier, float]:
    """A classifier of the training split, and its accuracy on the test split.

    Both are kept in the cache, ``$GENLAB_CACHE`` (``~/.cache/genlab/decoded``); deleting it is safe.

    Args:
        data: labelled pictures.
        progress: draws a bar where it is trained.
        say: is told that it is trained.
    """
    assert data.train.y is not None
    assert data.test.y is not None
    model = classifier.untrained(data.spec)

    def weights() -> np.ndarray:
        say(f"training a classifier of {data.name} for its features, once ...")
        return classifier.trained(data, progress=progress).weights

    content = digest(data.train.x), digest(data.train.y), repr(data.spec), data.train_transform is not None
    shape = model.weights.shape
    model.weights = kept(["classifier", classifier.RECIPE, content], weights, check=lambda array: array.shape == shape)
    model.eval().requires_grad_(requires_grad=False)

    def score() -> np.ndarray:
        return np.array([classifier.accuracy(model, data.test)])

    tested = digest(data.test.x), digest(data.test.y)
    right = kept(["accuracy", model.sha256, tested], score, check=lambda array: array.shape == (1,))
    return model, float(right.item())
