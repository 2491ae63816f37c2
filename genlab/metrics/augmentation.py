"""``metric=augmentation``: whether samples of each class teach a classifier what real examples teach it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from genlab.data.spaces import Split
from genlab.evaluation import classifier
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.metrics import _needs
from genlab.metrics._features import real_classifier
from genlab.metrics.base import Metric
from genlab.metrics.subject import CHUNK, Subject, at_least, conditions, record, samples
from genlab.models.capabilities import GenerativeModel
from genlab.signatures.ranges import Positive

MOST = 10_000
"""Samples, at most, where the metric does not say how many."""


class Augmentation(Metric):
    """Accuracy on real test pictures of a classifier that has seen samples of each class only, beside one of real ones.

    "Classification Accuracy Score for Conditional Generative Models", S. Ravuri, O. Vinyals, 2019,
    https://arxiv.org/abs/1905.10887

    Args:
        n: samples; None: as many as there are training pictures, up to 10,000.
    """

    needs = (_needs.labelled_pictures, GenerativeModel, _needs.given_the_label)
    better = "higher"

    def __init__(self, *, n: Positive | None = None) -> None:
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Both accuracies."""
        data, n = subject.data, self.n or min(MOST, len(subject.data.train))
        at_least(data.spec.num_classes or 2, n, metric="augmentation", what="samples", why="a classifier")
        given = [conditions(subject, index) for index in range(-(-n // CHUNK))]
        y = torch.cat([each for each in given if each is not None])[:n].cpu()
        drawn = replace(data, train=Split(samples(subject, n), y), train_transform=None, train_transform_b=None)
        taught = classifier.trained(drawn, progress=subject.bar("classifier of samples"))
        _, real = real_classifier(subject)
        count, steps = len(data.test), f"{classifier.STEPS} steps; the same network and recipe for both"
        for name, value, method in (
            ("augmentation", classifier.accuracy(taught, data.test), f"a classifier of {n:,} samples, {steps}"),
            ("augmentation_real", real, f"a classifier of {len(data.train):,} training pictures, {steps}"),
        ):
            error = math.sqrt(value * (1 - value) / count)
            found = record(subject, name, Estimate(value, error), unit="share", n=count, method=method)
            yield replace(found, split="test")
