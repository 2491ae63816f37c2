"""One error class per exit code.

Every message is one line that names the field, file or key and the way out. The command line prints it
on stderr and leaves with ``exit_code``; the traceback is shown only with ``--debug``.
"""

from __future__ import annotations


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


class TrustError(GenlabError):
    """Something that would run foreign code; refused, nothing ran."""

    exit_code = 6


class Interrupted(GenlabError):  # noqa: N818 - not a fault: a signal was obeyed
    """A signal ended the run; ``exit_code`` is 128 + its number."""

    def __init__(self, message: str, *, signum: int) -> None:
        super().__init__(message)
        self.signum = signum
        self.exit_code = 128 + signum
