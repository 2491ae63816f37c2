"""Ties between a process and those around it: the one that started it, those it starts, the readers of its print."""

from __future__ import annotations

import codecs
import ctypes
import io
import os
import sys
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_SPELLED = {"±": "+-", "×": "x", "·": "*", "≤": "<=", "≥": ">=", "→": "->", "–": "-", "—": "-", "−": "-"}
_PLAIN = "genlab.plain"
_SAFE = "PYTHONSAFEPATH"


@contextmanager
def safe_path() -> Iterator[None]:
    """Python processes started meanwhile import nothing from the working directory, whoever starts them.

    Lightning starts ranks, and Hydra's launchers start jobs, with ``python -m``, which would put the working directory
    before the libraries. What the user has in ``PYTHONPATH`` stays.
    """
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SAFE, None)
        else:
            os.environ[_SAFE] = before


def die_with_parent(signum: signal.Signals) -> None:
    """Ask Linux to send ``signum`` to this process when its parent ends, however it ends; elsewhere do nothing."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if os.getppid() != parent:  # it ended just before the call
        os.kill(os.getpid(), signum)


def silence_stdout() -> None:
    """Send what this process prints to nowhere; stderr stays."""
    sys.stdout.flush()
    _lose(1)


class Outlet(io.FileIO):
    """A descriptor that is written without fail: what nobody can read any more is lost, and nothing is raised."""

    def write(self, data: Any) -> int:
        """Write, or lose this and all that follows: the reader has gone, the terminal was closed, the disk is full."""
        try:
            written = super().write(data)
        except OSError:
            _lose(self.fileno())  # for what libraries written in C say, too, and for processes started later
            return len(data)
        return (
            len(data) if written is None else written
        )  # None: a reader that does not keep up, and must not be awaited


def settle() -> None:
    """Make standard streams that can be written: none is missing, and no character is too much for the terminal.

    A closed descriptor (``2>&-``) would be the next file's that is opened, which would then hold what is printed.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "r" if descriptor == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_PLAIN)


def outlast(name: str) -> None:
    """Let what is printed to ``sys.stdout`` or ``sys.stderr`` never raise; a stream that is no process's own is left.

    Args:
        name: ``stdout`` or ``stderr``.
    """
    stream, descriptor = getattr(sys, name), {"stdout": 1, "stderr": 2}[name]
    if not isinstance(stream, io.TextIOWrapper) or isinstance(getattr(stream.buffer, "raw", None), Outlet):
        return
    try:
        if stream.fileno() != descriptor:
            return
    except OSError:
        return
    stream.flush()
    outlet = io.BufferedWriter(Outlet(descriptor, "w", closefd=False))
    patient = io.TextIOWrapper(
        outlet, encoding=stream.encoding, errors=_PLAIN, line_buffering=stream.line_buffering or name == "stderr"
    )
    setattr(sys, name, patient)


def _lose(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What a terminal of few characters shows: the ASCII that a character stands for, or its number."""
    assert isinstance(error, UnicodeEncodeError)
    shown = []
    for char in error.object[error.start : error.end]:
        ascii_ = _SPELLED.get(char) or unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
        shown.append(ascii_ or char.encode("ascii", "backslashreplace").decode())
    return "".join(shown), error.end


codecs.register_error(_PLAIN, _plain)
