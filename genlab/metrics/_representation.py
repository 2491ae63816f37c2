"""What an encoder's codes tell of the class, beside what simpler features tell; and what classifying shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.data.spaces import Split
from genlab.data.subset import training_subset
from genlab.evaluation.artefacts.latents import encoded
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.classify import Labelled, accuracy
from genlab.evaluation.statistics.estimate import influence
from genlab.metrics.subject import Subject, at_least
from genlab.models import ppca
from genlab.models.capabilities import EncodesLatents
from genlab.seeding import derive

Classify = Callable[[Labelled, Tensor], tuple[Tensor, str]]
"""``(training features, features to classify) -> classes, and how they were told``."""


class Features(NamedTuple):
    """One way of seeing the examples.

    Attributes:
        ending: of the records' names.
        about: what the features are.
        train: ``(n, d)``, of the training examples.
        scored: ``(m, d)``, of those that are scored.
    """

    ending: str
    about: str
    train: Tensor
    scored: Tensor


MIN_SCORED = 30
"""Examples below which a share of them says nothing."""


def enough(train_y: Tensor, y: Tensor, *, metric: str) -> None:
    """Refuse what no classifier can be measured on.

    Raises:
        Unanswerable: fewer than `MIN_SCORED` examples to score, or a single class to learn from.
    """
    at_least(MIN_SCORED, len(y), metric=metric, what="examples", why="a share")
    at_least(2, len(train_y.unique()), metric=metric, what="classes among the training examples", why="a classifier")


def flat(split: Split) -> Tensor:
    """The numbers of each example, ``(n, D) float64``."""
    return split.x.flatten(1).double()


def _features(subject: Subject, train: Split) -> list[Features]:
    """The model's codes, the raw numbers, and the codes of a PCA of the same dimension."""
    model, spec, split = subject.model, subject.data.spec, subject.split
    assert isinstance(model, EncodesLatents)
    size = subject.config["batch_size"]
    codes = Features("", "", encoded(model, train, batch_size=size), encoded(model, split, batch_size=size))
    dim = codes.train.shape[1]
    # a probabilistic PCA has fewer dimensions than the data, a flow's codes have as many
    principal = ppca(spec, latent_dim=min(dim, spec.dim - 1))
    generator = torch.Generator().manual_seed(derive(subject.seed, "ppca"))
    principal.fit(train, subject.data.val, generator=generator)
    return [
        codes._replace(about=f"{dim} codes"),
        Features("_raw", f"{spec.dim} raw {spec.space.values}", flat(train), flat(split)),
        Features(
            "_ppca",
            f"{principal.latent_dim} codes of a probabilistic PCA",
            encoded(principal, train, batch_size=1000),
            encoded(principal, split, batch_size=1000),
        ),
    ]


def records(subject: Subject, name: str, max_train: int, classify: Classify) -> list[Record]:
    """A record of the model's codes, and one of each baseline."""
    train, y = training_subset(subject.data, max_train, seed=subject.seed), subject.split.y
    assert train.y is not None
    assert y is not None
    enough(train.y, y, metric=name)
    records = []
    for seen in subject.once(("features", max_train), lambda: _features(subject, train)):
        predicted, how = classify(Labelled(seen.train, train.y), seen.scored)
        share, error = accuracy(predicted, y)
        records.append(
            Record(
                metric=name + seen.ending,
                value=share,
                unit="share correct",
                kind="estimate",
                n=len(y),
                standard_error=error,
                split=subject.split_name,
                seed=subject.seed,
                method=f"{how} {seen.about}, {len(train):,} of {len(subject.data.train):,} training examples",
                influence=influence(predicted == y),
            )
        )
    return records
