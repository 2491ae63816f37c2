"""``metric=diversity`` and ``metric=memorisation``: varied samples, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from genlab.data.images.binarise import binarise
from genlab.data.spaces import Split
from genlab.errors import ConfigError
from genlab.evaluation.artefacts.grids import stacked
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.novelty import (
    PAIR_DISTANCES,
    QUANTILE,
    Neighbour,
    closer,
    diversity,
    near_copies,
    nearest,
    surprise,
)
from genlab.metrics.features import Extractor, no_labelled_pictures, of_classifier
from genlab.metrics.subject import (
    Metric,
    Subject,
    Unanswerable,
    at_least,
    no_samples,
    number_of_samples,
    record,
    samples,
    some,
    training_examples,
)
from genlab.seeding import derive

PAIRS, COLUMNS = 32, 8
"""Nearest pairs in the picture, and in a row of it."""

PICTURE = "memorisation"
"""Its name."""

LEAST = 20
"""Examples of which a quantile of one in twenty can be told."""


def _extractor(subject: Subject, options: Mapping[str, Any]) -> Extractor | None:
    """That of the classifier, or None for the examples' own numbers."""
    lacks = no_labelled_pictures(subject.loaded)
    if options["space"] == "features" and lacks is not None:
        raise ConfigError(f"space=features needs {lacks}; use space=data")
    return of_classifier(subject) if options["space"] in {"features", "auto"} and lacks is None else None


def _sides(subject: Subject, options: Mapping[str, Any], name: str, *, least: int) -> tuple[Tensor, Tensor]:
    """Samples, and examples of the split, as many if there are."""
    n = number_of_samples(subject, options)
    real = some(subject.split, n, seed=derive(subject.seed, "reference"))
    at_least(least, min(n, len(real)), metric=name, what="examples on both sides", why="it")
    return samples(subject, n), real


def _diversity(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    extractor = _extractor(subject, options)
    sides = _sides(subject, options, "diversity", least=2)
    # at random: a split may be in the order of its classes
    drawn, real = (
        some(Split(x), PAIR_DISTANCES, seed=derive(subject.seed, "pairs", side)) for side, x in enumerate(sides)
    )
    n = len(drawn)
    if extractor is not None:
        drawn, real = extractor(drawn), extractor(real)
    space = "data" if extractor is None else "features"
    return [
        record(
            subject,
            "diversity",
            diversity(drawn, real),
            unit="of the split's own",
            n=n,
            method=f"diversity: mean distance of two samples over that of two of {len(real)} examples, space={space}",
            extractor=None if extractor is None else extractor.name,
        )
    ]


def _memorisation(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    if subject.split_name == "train":
        raise Unanswerable("metric=memorisation compares with examples that were not trained on: split=test or val")
    extractor = _extractor(subject, options)
    drawn, real = _sides(subject, options, "memorisation", least=LEAST)
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
    if subject.data.spec.is_image:
        pairs = f"; pictures/{PICTURE}.png has the nearest pairs, training below"
        subject.picture(PICTURE, _pairs(subject, drawn, train, of_samples))
    return [
        record(
            subject,
            "memorisation",
            probability,
            unit="probability",
            method=f"memorisation: that a sample is nearer to training data than an unseen example is (0.5: as new); "
            f"{what}, space={space}{copier}{pairs}",
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
    ]


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


DIVERSITY = Metric(lacks=no_samples, run=_diversity)
MEMORISATION = Metric(lacks=no_samples, run=_memorisation)
