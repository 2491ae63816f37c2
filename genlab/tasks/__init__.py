"""The tasks of ``genlab sample``, one file each: adding one is adding a file and an entry to `TASKS`."""

from genlab.tasks import complete, denoise, inpaint, interpolate, reconstruct, sample, traverse
from genlab.tasks.drawn import DEFAULTS, Drawn, Task

TASKS: dict[str, Task] = {
    "sample": sample.TASK,
    "reconstruct": reconstruct.TASK,
    "interpolate": interpolate.TASK,
    "traverse": traverse.TASK,
    "complete": complete.TASK,
    "denoise": denoise.TASK,
    "inpaint": inpaint.TASK,
}

__all__ = ["DEFAULTS", "TASKS", "Drawn", "Task"]
