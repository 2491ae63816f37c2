"""What a metric is: one public class, in a file of its own that bears its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from torch import nn

from genlab.data.spaces import Dataset
from genlab.evaluation.needs import Need, lacking
from genlab.evaluation.record import Record
from genlab.metrics.subject import Subject
from genlab.restore import Loaded


class Metric(ABC):
    """A number, or several, that a checkpoint is given.

    ``genlab/metrics/NAME.py`` holds one subclass, named as the file: ``metric=NAME`` finds it there, and the first line
    of its docstring is what ``genlab list metrics`` says. Its options are the keyword arguments of ``__init__``, which
    are annotated with the types of `genlab.signatures.ranges` and have defaults: config and schema are read from there.

    Attributes:
        needs: what a checkpoint must have for it; the first that it lacks is named.
        better: "lower" or "higher" where its first record says which model is better, else None.
        shared: whether every rank of several must call it; otherwise rank 0 alone does.
    """

    needs: ClassVar[tuple[Need, ...]] = ()
    better: ClassVar[Literal["lower", "higher"] | None] = None
    shared: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """As in ``metric=NAME``: that of the file."""
        return type(self).__module__.rpartition(".")[2]

    @classmethod
    def lacks(cls, loaded: Loaded) -> str | None:
        """What a checkpoint lacks for it, after "needs" (``"a likelihood"``); None: it can have it."""
        return lacking(cls.needs, loaded)

    def missing(self) -> str | None:
        """What this machine lacks for it, as a sentence: a file, a package; None: nothing."""
        return None

    @classmethod
    def at_end(cls, model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
        """What every training run is told at its end, for its summary, by key; nothing, unless a metric says otherwise.

        Cheap and without options; asked of each of genlab's metrics, so it looks at the model's type itself.

        Raises:
            TrainingError: a number that is not finite.
        """
        return {}

    @abstractmethod
    def compute(self, subject: Subject) -> Iterator[Record]:
        """Its records; called without gradients.

        Raises:
            Unanswerable: the data at hand cannot tell it.
        """
