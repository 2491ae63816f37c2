"""Samples of vectors beside data: what sliced_wasserstein and mmd share."""

from __future__ import annotations

from torch import Tensor

from genlab.metrics.subject import Subject, at_least, number_of_samples, samples, some
from genlab.seeding import derive


def both_sides(subject: Subject, n: int | None, name: str) -> tuple[Tensor, Tensor]:
    """As many samples as examples of the split, and these."""
    n = min(number_of_samples(subject, n), len(subject.split))
    at_least(2, n, metric=name, what="examples on both sides", why="it")
    return samples(subject, n), some(subject.split, n, seed=derive(subject.seed, "reference"))
