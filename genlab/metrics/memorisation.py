"""``metric=memorisation``: whether samples are new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import numpy as np
from torch import Tensor

from genlab.data.images.binarise import binarise
from genlab.data.spaces import Frames, Split, Tokens
from genlab.evaluation.artefacts.clouds import is_cloud
from genlab.evaluation.artefacts.grids import stacked
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.novelty import QUANTILE, Neighbour, closer, near_copies, nearest, surprise
from genlab.metrics import _needs
from genlab.metrics._copies import runs_of_samples
from genlab.metrics._features import Extractor
from genlab.metrics._novelty import extractor_of, sides
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable, record, some, training_examples
from genlab.models.capabilities import GenerativeModel
from genlab.seeding import derive
from genlab.signatures.ranges import Positive

PAIRS, COLUMNS = 32, 8
"""Nearest pairs in the picture, and in a row of it."""

PICTURE = "memorisation"
"""Its name."""

LEAST = 20
"""Examples of which a quantile of one in twenty can be told."""


class Memorisation(Metric):
    """Probability that a sample is nearer to training data than unseen data are, and the nearest pairs.

    Text, other tokens and piano rolls are near where they copy: the longest run of each sample that stands word for
    word in the training part, against that of unseen examples; medians and maxima of both are told. Sound is another
    at every shift, and refused.

    Args:
        space: data (pixels), features (of a classifier, of labelled pictures), or auto: features if there are labels.
        n: samples; None: 2,000 pictures, or 500 of a model that samples by a chain, 250 sequences, or 10,000 vectors.
    """

    needs = (_needs.nearness, GenerativeModel)

    def __init__(self, *, space: Literal["auto", "features", "data"] = "data", n: Positive | None = None) -> None:
        self.space = space
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """The probability, and the share of near copies."""
        if subject.split_name == "train":
            raise Unanswerable("metric=memorisation compares with examples that were not trained on: split=test or val")
        extractor = extractor_of(subject, self.space)
        if isinstance(subject.data.spec.space, Tokens | Frames):
            yield from runs_of_samples(subject, self.n, least=LEAST)
            return
        drawn, real = sides(subject, self.n, "memorisation", least=LEAST)
        search, train, space = _search(subject, extractor)
        of_samples, of_test = search(drawn), search(real)
        name = None if extractor is None else extractor.name
        what = f"nearest of {len(train)} training examples, {len(drawn)} samples against {len(real)} of the split"
        probability, share = closer(of_samples.distance, of_test.distance), _near(subject, of_samples, of_test)
        copier = copier_near = ""
        if subject.data.train_transform is not None:
            copies = search(_copies(subject, len(drawn)))
            all_copies = closer(copies.distance, of_test.distance).value
            near = _near(subject, copies, of_test).value
            copier = f"; a model that only draws training examples anew has {all_copies:.2f}"
            copier_near = f", {near:.2f} for nothing but new draws of training examples"
        pairs = ""
        if not is_cloud(subject.data.spec.space):
            pairs = f"; pictures/{PICTURE}.png has the nearest pairs, training below"
            subject.picture(PICTURE, _pairs(subject, drawn, train, of_samples))
        yield from (
            record(
                subject,
                "memorisation",
                probability,
                unit="probability",
                method="memorisation: that a sample is nearer to training data than an unseen example is "
                f"(0.5: as new); {what}, space={space}{copier}{pairs}",
                n=len(drawn),
                extractor=name,
            ),
            record(
                subject,
                "near_copies",
                share,
                unit="share",
                method=f"near_copies: nearer to training data than all but {QUANTILE:.0%} of the split are; "
                f"{QUANTILE} for new samples{copier_near}",
                n=len(drawn),
                extractor=name,
            ),
        )


def _search(subject: Subject, extractor: Extractor | None) -> tuple[Callable[[Tensor], Neighbour], Tensor, str]:
    """What finds the nearest training example, among which, and in which space."""
    transform, grey = subject.data.train_transform, subject.data.train.x
    if transform is binarise and extractor is None:
        # draws of one picture are no nearer to another draw of it than to much else: the picture itself tells
        return partial(surprise, grey=grey), grey, "data, by how well the grey levels of a picture explain a draw"
    train = training_examples(subject).x
    if extractor is None:
        return partial(nearest, train=train), train, "data"
    placed = extractor(train)
    return lambda x: nearest(extractor(x), placed), train, "features"


def _copies(subject: Subject, n: int) -> Tensor:
    """New draws of training examples: what a model that has learned nothing else would sample."""
    chosen = some(subject.data.train, n, seed=derive(subject.seed, "copied"))
    return subject.data.as_seen(Split(chosen), seed=derive(subject.seed, "copies")).x


def _near(subject: Subject, found: Neighbour, of_test: Neighbour) -> Estimate:
    return near_copies(found.distance, of_test.distance, seed=derive(subject.seed, "bootstrap"))


def _pairs(subject: Subject, drawn: Tensor, train: Tensor, found: Neighbour) -> np.ndarray:
    """Samples that are nearest to a training example, each above it; ``(H, W, 3) uint8``."""
    order = found.distance.argsort(stable=True)[:PAIRS]
    below = train[found.position[order]]
    if train is subject.data.train.x and subject.data.train_transform is binarise:
        below = below / 255  # of 0 and 1 the grey levels between
    return stacked([drawn[order], below], subject.data.spec, columns=COLUMNS)
