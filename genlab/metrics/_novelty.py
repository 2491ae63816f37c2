"""Samples beside examples, in which features: what diversity and memorisation share."""

from __future__ import annotations

from torch import Tensor

from genlab.errors import ConfigError
from genlab.metrics import _needs
from genlab.metrics._features import Extractor, of_classifier
from genlab.metrics.subject import Subject, at_least, number_of_samples, samples, some
from genlab.seeding import derive


def extractor_of(subject: Subject, space: str) -> Extractor | None:
    """That of the classifier, or None for the examples' own numbers."""
    lacks = _needs.labelled_pictures(subject.loaded)
    if space == "features" and lacks is not None:
        raise ConfigError(f"space=features needs {lacks}; use space=data")
    return of_classifier(subject) if space in {"features", "auto"} and lacks is None else None


def sides(subject: Subject, n: int | None, name: str, *, least: int) -> tuple[Tensor, Tensor]:
    """Samples, and examples of the split, as many if there are."""
    n = number_of_samples(subject, n)
    real = some(subject.split, n, seed=derive(subject.seed, "reference"))
    at_least(least, min(n, len(real)), metric=name, what="examples on both sides", why="it")
    return samples(subject, n), real
