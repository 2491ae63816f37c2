"""Sets of pictures compared in some features: what fcd, kernel_distance, precision and their like share.

The features are of a classifier of the data's own labels (`genlab.evaluation.classifier`), so that none of these is
comparable with a FID or a KID, and numbers compare only where the classifier's hash is the same.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.frechet import GROUPS, distance, frechet, moments
from genlab.evaluation.statistics.kernels import mmd, polynomial
from genlab.metrics import _needs
from genlab.metrics._features import Extractor, of_classifier, of_samples, of_split
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, at_least, number_of_samples, record
from genlab.models.capabilities import GenerativeModel
from genlab.seeding import derive
from genlab.signatures.ranges import Positive


def frechet_record(
    subject: Subject, extractor: Extractor, n: int, *, metric: str, groups: int = GROUPS, beside: bool = True
) -> Record:
    """The Frechet distance between ``n`` samples and the whole split; ``beside`` it, that of other real pictures."""
    split = subject.split_name
    why = f"a covariance of {extractor.dim} features"
    at_least(extractor.dim + 1, n, metric=metric, what="samples", why=why)
    at_least(extractor.dim + 1, len(subject.split), metric=metric, what=f"pictures in split={split}", why=why)
    real, drawn = of_split(subject, extractor, split), of_samples(subject, extractor, n)
    method = f"{metric}: {n} samples against the {len(real)} of the split, error by leaving out {groups} groups of both"
    other = "val" if split != "val" else "test"
    held_out = of_split(subject, extractor, other)[:n] if beside else real[:0]
    if len(held_out) > extractor.dim:
        # of equal numbers: a distance of few examples is too large, by what depends on how many they are
        found = [distance(moments(x[: len(held_out)]), moments(real)) for x in (drawn, held_out)]
        method += f"; of {len(held_out)} each, samples have {found[0]:.2f} and real pictures of split={other}"
        method += f" {found[1]:.2f}"
    estimate = frechet(drawn, real, groups=groups, seed=derive(subject.seed, "jackknife"))
    return record(subject, metric, estimate, unit="squared distance", n=n, method=method, extractor=extractor.name)


def equal_numbers(subject: Subject, extractor: Extractor, n: int, *, metric: str, least: int) -> tuple[Tensor, Tensor]:
    """Features ``(m, D)`` of real pictures and of samples, m the lesser of ``n`` and the split's size."""
    real = of_split(subject, extractor, subject.split_name)
    m = min(n, len(real))
    at_least(least, m, metric=metric, what="pictures on both sides", why="it")
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(derive(subject.seed, "reference")))
    return real[order[:m]], of_samples(subject, extractor, m)


def kernel_record(subject: Subject, extractor: Extractor, n: int, *, metric: str) -> Record:
    """The unbiased MMD^2 with the polynomial kernel of degree 3, of equal numbers of real pictures and samples."""
    real, drawn = equal_numbers(subject, extractor, n, metric=metric, least=2)
    return record(
        subject,
        metric,
        mmd(drawn, real, polynomial(extractor.dim)),
        unit="squared MMD",
        n=len(drawn),
        method=f"{metric}: unbiased, cubic kernel, {len(drawn)} samples against {len(real)} pictures",
        extractor=extractor.name,
    )


class Overlap(Metric):
    """How the supports of samples and of pictures lie to each other, told by nearest neighbours.

    Args:
        k: neighbours whose distance is a ball's radius.
        n: samples; None: 2,000, or 500 of a model that samples by a chain.
    """

    needs = (_needs.labelled_pictures, GenerativeModel)
    better = "higher"

    def __init__(self, *, k: Positive, n: Positive | None = None) -> None:
        self.k = k
        self.n = n

    @staticmethod
    @abstractmethod
    def overlap(real: Tensor, generated: Tensor, *, k: int, seed: int = 0) -> Estimate:
        """One of the four of `genlab.evaluation.statistics.manifold`."""

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        name, extractor, k = self.name, of_classifier(subject), self.k
        n = number_of_samples(subject, self.n)
        real, drawn = equal_numbers(
            subject, extractor, n, metric=name, least=2 * (k + 1)
        )  # for the error, parts of both need k neighbours
        yield record(
            subject,
            name,
            self.overlap(real, drawn, k=k, seed=derive(subject.seed, "subsamples")),
            unit="balls per sample / k" if name == "density" else "share",
            n=len(drawn),
            method=f"{name}: k={k}, {len(drawn)} samples against {len(real)} pictures of the split, "
            "error by subsampling both",
            extractor=extractor.name,
        )
