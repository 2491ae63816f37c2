"""One error class per exit code.

Every message is one line that names the field, file or key and the way out. The command line prints it
on stderr and leaves with ``exit_code``; the traceback is shown only with ``--debug``.
"""

from __future__ import annotations

import signal


class GenlabError(Exception):
    """Base of all errors that a user can meet and mend. ``exit_code`` is what the process ends with."""

    exit_code = 1


class ConfigError(GenlabError):
    """A key, a value or a combination of them that cannot be run; told before data or model are touched."""

    exit_code = 2


class DataError(GenlabError):
    """A data set that is missing, damaged or not what its name says."""

    exit_code = 3


class CheckpointError(GenlabError):
    """A checkpoint that is missing, damaged, or of another model."""

    exit_code = 4


class TrainingError(GenlabError):
    """A run that cannot go on: non-finite loss, out of memory, disk full, a lost rank."""

    exit_code = 5


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that something is larger than the memory, or than any memory can be."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | TypeError | ValueError | OverflowError)
        and any(words in said for words in _MEMORY)
    )


def too_large(error: BaseException) -> TrainingError:
    """What the user can do about an error that is `out_of_memory`."""
    said = " ".join(str(error).split())[:160]
    return TrainingError(f"out of memory ({said}): try a smaller model, batch_size, n or data set")


_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "unable to allocate",
    "storage size calculation overflowed",
    "overflow when unpacking long",
    "array is too big",
    "maximum allowed dimension exceeded",
)


class TrustError(GenlabError):
    """Something that would run foreign code; refused, nothing ran."""

    exit_code = 6


class Interrupted(BaseException):
    """A signal ended the run; ``exit_code`` is 128 + its number.

    No `Exception`, as KeyboardInterrupt is none: who goes on after a fault must not go on after this. It is built from
    its message alone, too, since libraries and pickles rebuild what they pass on.
    """

    def __init__(self, message: str = "stopped by a signal", *, signum: int = signal.SIGTERM) -> None:
        super().__init__(message)
        self.signum = int(signum)

    @property
    def exit_code(self) -> int:
        """128 + the signal."""
        return 128 + self.signum
