"""The tasks of ``genlab sample``: adding one is adding a file, which holds a class that is named as the file is."""

from genlab.build import discovered
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work

TASKS: dict[str, type[Task]] = discovered(__name__, Task)  # type: ignore[type-abstract]
"""Those of this folder, by name."""

__all__ = ["TASKS", "Drawn", "Task", "Work"]
