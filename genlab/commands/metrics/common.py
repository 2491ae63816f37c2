"""What the metrics of ``genlab eval`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from torch import distributed

from genlab.callbacks.progress import track
from genlab.commands.loaded import Loaded
from genlab.data.spec import Dataset, Split
from genlab.errors import ConfigError
from genlab.evaluation.likelihood import Progress
from genlab.evaluation.pictures import save_png
from genlab.evaluation.record import Record
from genlab.models.base import GenerativeModel

T = TypeVar("T")


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
        """The split that is scored."""
        return getattr(self.data, self.split_name)

    @property
    def seed(self) -> int:
        """Of every random number of the evaluation."""
        return self.config["seed"]

    def once(self, key: object, make: Callable[[], T]) -> T:
        """``make()``, computed for the first metric that asks for ``key`` and kept for the others."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    def picture(self, name: str, picture: np.ndarray) -> None:
        """Write ``(H, W, 3) uint8`` as ``pictures/<name>.png``; of several ranks, the first does."""
        if not distributed.is_initialized() or distributed.get_rank() == 0:
            self.drawn.append(save_png(self.folder / "pictures" / f"{name}.png", picture))

    def bar(self, description: str) -> Progress:
        """``(iterable, length) -> iterable`` that draws a progress bar."""
        bar = partial(track, description=description, console=self.console)

        def progress(items: Iterable, total: int) -> Iterable:
            return bar(items, total)

        return progress


@dataclass(frozen=True)
class Metric:
    """A metric: who can have it, and how it is computed.

    Attributes:
        lacks: what a checkpoint lacks for it, after "needs" (``"a likelihood"``); None: it can have it.
        run: ``(subject, options of the metric) -> records``; called without gradients.
        shared: whether every rank of several must call it; otherwise rank 0 alone does.
    """

    lacks: Callable[[Loaded], str | None]
    run: Callable[[Subject, Mapping[str, Any]], list[Record]]
    shared: bool = False


def at_least(least: int, found: int, *, metric: str, what: str, why: str) -> None:
    """Refuse to compute a metric from too little.

    Raises:
        Unanswerable: ``found`` is less than ``least``.
    """
    if found < least:
        raise Unanswerable(f"metric={metric}: {why} needs at least {least} {what}, there are {found}")
