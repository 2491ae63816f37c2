"""What the metrics of ``genlab eval`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, distributed

from genlab.data.spaces import Dataset, InTime, Split
from genlab.errors import ConfigError, TrainingError
from genlab.evaluation.artefacts.clouds import is_cloud
from genlab.evaluation.artefacts.grids import save
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.models.capabilities import GenerativeModel, SamplesByChain
from genlab.models.conditions import condition
from genlab.ops.bars import Progress
from genlab.progress import track
from genlab.restore import Loaded
from genlab.seeding import derive

T = TypeVar("T")

CHUNK = 250
"""Samples drawn together, from a seed of their own: a sample depends on its number alone, and on no batch size."""

SAMPLES, CHAIN_SAMPLES, SEQUENCES, POINTS = 2000, 500, 250, 10_000
"""Samples where the metric does not say how many: of pictures, of pictures by a chain, of sequences, of vectors."""


class Unanswerable(ConfigError):  # noqa: N818 - it reads as what is wrong
    """The data at hand cannot tell it, there are too few examples for instance; ``metric=all`` goes on without it."""


@dataclass(frozen=True)
class Subject:
    """What is scored, and what its metrics compute only once.

    Attributes:
        loaded: the checkpoint; its model is in eval mode.
        model: the model to ask for a likelihood; an energy on the plane is normalised on a grid here.
        data: the data that it was trained on.
        config: of ``genlab eval``.
        console: where bars and notes go.
        folder: the run directory; pictures of a metric go to its ``pictures`` folder.
        drawn: the pictures written so far.
    """

    loaded: Loaded
    model: GenerativeModel
    data: Dataset
    config: Mapping[str, Any]
    console: Console
    folder: Path
    drawn: list[Path] = field(default_factory=list)
    _memo: dict[object, Any] = field(default_factory=dict, repr=False)

    @property
    def split_name(self) -> str:
        """Name of the split that is scored."""
        return self.config["split"]

    @property
    def split(self) -> Split:
        """The split that is scored, as a model sees it."""
        return self.once(("split", self.split_name), lambda: self.data.split(self.split_name))

    @property
    def seed(self) -> int:
        """Of every random number of the evaluation."""
        return self.config["seed"]

    def once(self, key: object, make: Callable[[], T]) -> T:
        """``make()``, computed for the first metric that asks for ``key`` and kept for the others."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    def picture(self, name: str, picture: np.ndarray | bytes) -> None:
        """Write ``(H, W, 3) uint8`` as ``pictures/<name>.png``, bytes as they are; of several ranks, the first does."""
        if not distributed.is_initialized() or distributed.get_rank() == 0:
            self.drawn.append(save(self.folder / "pictures", name, picture))

    def bar(self, description: str) -> Progress:
        """``(iterable, length) -> iterable`` that draws a progress bar."""
        bar = partial(track, description=description, console=self.console)

        def progress(items: Iterable, total: int) -> Iterable:
            return bar(items, total)

        return progress


def number_of_samples(subject: Subject, n: int | None) -> int:
    """``n`` as it was asked for, or the default for this model."""
    if n is not None:
        return n
    if is_cloud(subject.data.spec.space):
        return POINTS
    if isinstance(subject.data.spec.space, InTime):
        return SEQUENCES
    return CHAIN_SAMPLES if isinstance(subject.loaded.model, SamplesByChain) else SAMPLES


def samples(subject: Subject, n: int) -> Tensor:
    """``n`` samples of the model by its own sampler, on the CPU, typed like the data; drawn once for all metrics.

    A conditional model is given labels with the frequencies of the training split.

    Raises:
        TrainingError: samples that are not finite.
    """
    count = -(-n // CHUNK)
    chunks = [subject.once(("samples", index), partial(draw_chunk, subject, index)) for index in range(count)]
    return torch.cat(chunks)[:n]


def draw_chunk(subject: Subject, index: int) -> Tensor:
    """The samples number ``index * CHUNK`` and so on, `CHUNK` of them; see `samples`."""
    model = subject.loaded.model
    where = next(model.parameters()).device
    c = conditions(subject, index)
    c = None if c is None else c.to(where)
    generator = torch.Generator(where).manual_seed(derive(subject.seed, "samples", index))
    drawn = model.sample(CHUNK, c, generator=generator).cpu()
    broken = CHUNK - int(drawn.flatten(1).isfinite().all(1).sum())
    if broken:
        raise TrainingError(f"{broken} of {CHUNK} samples are not finite; score an earlier checkpoint")
    return drawn


def conditions(subject: Subject, index: int) -> Tensor | None:
    """What the samples of a chunk are given, ``(CHUNK, ...)``; None for a model without a condition."""
    c = condition(subject.loaded.model, subject.data.train)
    if c is None:
        return None
    labels = torch.Generator().manual_seed(derive(subject.seed, "labels", index))
    return c[torch.randint(len(subject.data.train), (CHUNK,), generator=labels)]


def some(split: Split, n: int, *, seed: int) -> Tensor:
    """``n`` examples of a split, all of them if it has no more, drawn without replacement; in index order."""
    if len(split) <= n:
        return split.x
    return split.x[torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))[:n].sort().values]


def training_examples(subject: Subject) -> Split:
    """The training split as a model sees it: a transform of training batches (binarisation) is applied once."""
    return subject.once(("split", "train"), lambda: subject.data.split("train"))


def at_least(least: int, found: int, *, metric: str, what: str, why: str) -> None:
    """Refuse to compute a metric from too little.

    Raises:
        Unanswerable: ``found`` is less than ``least``.
    """
    if found < least:
        raise Unanswerable(f"metric={metric}: {why} needs at least {least} {what}, there are {found}")


def record(
    subject: Subject,
    metric: str,
    estimate: Estimate | float,
    *,
    unit: str,
    n: int,
    kind: str = "estimate",
    method: str | None = None,
    extractor: str | None = None,
    num_particles: int | None = None,
    of_samples: bool = True,
) -> Record:
    """A record of this evaluation; a mere number has no error.

    ``of_samples``: whether it depends on how samples are drawn, and so says how labels are.
    """
    value, error = (estimate, None) if isinstance(estimate, float) else estimate
    given = subject.loaded.model.given if of_samples else None
    labels = None if given is None else f"{given.kind}s as frequent as in the training split"
    return Record(
        metric=metric,
        value=value,
        unit=unit,
        kind=kind,
        n=n,
        standard_error=error,
        split=subject.split_name,
        seed=subject.seed,
        num_particles=num_particles,
        method="; ".join(part for part in (method, labels) if part) or None,
        extractor=extractor,
    )
