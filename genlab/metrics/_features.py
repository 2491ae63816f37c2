"""Features of pictures for the metrics that compare sets of them, kept from one evaluation to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data.cache import kept
from genlab.data.fingerprint import digest
from genlab.evaluation import classifier
from genlab.evaluation.classifier import Classifier
from genlab.evaluation.known_classifier import known_classifier
from genlab.metrics.subject import Subject, samples

HASH = 16
"""Digits of a hash that a sentence shows."""


@dataclass(frozen=True)
class Extractor:
    """A map of pictures to features.

    Attributes:
        name: what it is, with the hash of its weights; stands in the record.
        key: the hash itself.
        dim: number of features.
        extract: ``(B, C, H, W) uint8`` on the data's scale ``-> (B, dim) float32``.
        at_once: pictures that are given to it together: a constant, so that no batch size changes a value.
    """

    name: str
    key: str
    dim: int
    extract: Callable[[Tensor], Tensor]
    at_once: int

    def __call__(self, x: Tensor) -> Tensor:
        """Features of any number of pictures."""
        return torch.cat([self.extract(part) for part in x.split(self.at_once)])


def of_classifier(subject: Subject) -> Extractor:
    """The features of a classifier of this data set, which is trained where the cache has none.

    The cache is ``$GENLAB_CACHE`` (``~/.cache/genlab/decoded``); deleting it is safe.
    """
    return subject.once("classifier", lambda: _of_classifier(subject))


def _of_classifier(subject: Subject) -> Extractor:
    model, right = real_classifier(subject)
    what = f"{classifier.FEATURES} features of a classifier of {subject.data.name}"
    return Extractor(
        name=f"{what} (test accuracy {100 * right:.1f}%), sha256 {model.sha256[:HASH]}",
        key=model.sha256,
        dim=classifier.FEATURES,
        extract=model.features,
        at_once=classifier.PICTURES_AT_ONCE,
    )


def real_classifier(subject: Subject) -> tuple[Classifier, float]:
    """The classifier of this data set, and its accuracy on the test split; both are kept in the cache."""

    def say(line: str) -> None:
        subject.console.print(line, highlight=False, soft_wrap=True)

    return known_classifier(subject.data, progress=subject.bar("classifier"), say=say)


def of_samples(subject: Subject, extractor: Extractor, n: int) -> Tensor:
    """Features of the first ``n`` samples, ``(n, D)``."""
    return subject.once((extractor.key, "samples", n), lambda: extractor(samples(subject, n)))


def of_split(subject: Subject, extractor: Extractor, name: str) -> Tensor:
    """Features of a whole split, ``(N, D)``; the cache holds them by the hashes of pictures and weights."""
    x = subject.split.x if name == subject.split_name else subject.data.split(name).x

    def make() -> Tensor:
        array = kept(
            ["features", extractor.key, digest(x)],
            lambda: extractor(x).numpy(),
            check=lambda array: array.shape == (len(x), extractor.dim),
        )
        return torch.from_numpy(array)

    return subject.once((extractor.key, name), make)
