"""What a task is: one public class, in a file of its own that bears its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.evaluation.needs import Need, lacking
from genlab.restore import Loaded
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work


class Task(ABC):
    """Something that a trained model draws.

    ``genlab/tasks/NAME.py`` holds one subclass, named as the file: ``task=NAME`` finds it there, and the first line of
    its docstring is what ``genlab list tasks`` says. Its options are the keyword arguments of ``__init__``, which are
    annotated with the types of `genlab.signatures.ranges` and have defaults: config and schema are read from there. On
    the command line they stand beside the settings of the command: ``genlab sample task=complete keep=top``.

    Attributes:
        needs: what a checkpoint must have for it; the first that it lacks is named.
        needs_with: what more it must have if an option is not as it is by default.
    """

    needs: ClassVar[tuple[Need, ...]] = ()
    needs_with: ClassVar[Mapping[str, tuple[Need, ...]]] = {}

    @classmethod
    def lacks(cls, loaded: Loaded) -> str | None:
        """What a checkpoint lacks for it, after "needs" (``"an encoder"``); None: it can do it."""
        return lacking(cls.needs, loaded)

    @classmethod
    def lacks_with(cls, loaded: Loaded, changed: Mapping[str, Any]) -> tuple[str, str] | None:
        """The first of the ``changed`` options that a checkpoint cannot have, and what it lacks for it."""
        for option in changed:
            found = lacking(cls.needs_with.get(option, ()), loaded)
            if found is not None:
                return option, found
        return None

    @abstractmethod
    def draw(self, work: Work) -> Drawn:
        """Draw it; called without gradients.

        Raises:
            ConfigError: what is asked for cannot be drawn.
            DataError: the test split has nothing to start from.
        """
