"""Signals that ask a run to stop: what they raise, and which of them was the last.

Users, terminals that close, batch systems (time limit, preemption, requeue) and shells (CPU limit, alarm) all ask in
this way, and each gets the same answer: what is there to save is saved, and the exit status is 128 + the signal.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from genlab.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

STOPPING = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
    signal.SIGALRM,
)
_ALWAYS = frozenset({signal.SIGTERM, signal.SIGINT})  # a script's background jobs ignore SIGINT; who sends it means it

asked: int | None = None
"""The signal that has asked this process to stop, if one has."""

_raised: int | None = None
_own_process = True


def stops(status: int) -> bool:
    """Whether a process that ended with ``status`` (negative: by a signal) was asked to stop."""
    return (-status if status < 0 else status - 128) in STOPPING


def take(handler: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, object]:
    """Let ``handler`` answer all of `STOPPING`; those that the parent ignores (``nohup``) stay ignored.

    Python gives signals to its main thread alone: in another one, of a program that calls genlab, nothing is taken.

    Returns:
        The handlers that were there, for `give_back`.
    """
    kept: dict[signal.Signals, object] = {}
    if threading.current_thread() is not threading.main_thread():
        return kept
    for signum in STOPPING:
        if signum in _ALWAYS or signal.getsignal(signum) is not signal.SIG_IGN:
            kept[signum] = signal.signal(signum, handler)
    return kept


def give_back(kept: dict[signal.Signals, object]) -> None:
    """Undo `take`."""
    for signum, handler in kept.items():
        if handler is not None:  # one that no Python code has set
            signal.signal(signum, handler)  # type: ignore[arg-type]


def interrupt(signum: int, _: FrameType | None = None) -> None:
    """The handler that raises `Interrupted` wherever the program is."""
    global asked, _raised
    asked = _raised = signum
    raise Interrupted(f"stopped by {signal.Signals(signum).name}", signum=signum)


@contextmanager
def raising(*, own_process: bool = True) -> Iterator[None]:
    """Within, `STOPPING` raise `Interrupted`.

    Args:
        own_process: whether the process is genlab's; a caller's is not ended by `leave`.
    """
    global asked, _raised, _own_process
    asked = _raised = None
    before, _own_process = _own_process, own_process
    kept = take(interrupt)
    try:
        yield
    finally:
        give_back(kept)
        _own_process = before


def leave(signum: int) -> None:
    """Stop at once, when somebody who has asked to stop asks again: end this process, or what the caller has called.

    Raises:
        Interrupted: the process is the caller's.
    """
    if _own_process:
        os._exit(128 + signum)
    interrupt(signum)


def check() -> None:
    """Where every `Exception` is caught and the work goes on: not if a library has made it of a signal.

    Raises:
        Interrupted: as `swallowed`.
    """
    asked = swallowed()
    if asked is not None:
        raise asked


def swallowed() -> Interrupted | None:
    """What a signal has raised since `raising` began, for where a library has turned it into an error of its own."""
    return None if _raised is None else Interrupted(f"stopped by {signal.Signals(_raised).name}", signum=_raised)
