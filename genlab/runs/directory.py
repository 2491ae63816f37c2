"""Run directories: created atomically, found again, locked by one writer.

``outputs/<verb>/<name>/<YYYYmmdd-HHMMSS>-<id>`` holds ``config.yaml``, ``summary.json``, ``checkpoints/`` and so on.
The module imports neither torch nor yaml, so the command line can find a run before anything heavy is loaded.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.errors import CheckpointError, ConfigError, TrustError
from genlab.files import foreign
from genlab.files.atomic import read_json, write_json, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CHECKPOINTS", "CONFIG", "SUMMARY",
    "check_name", "create", "last", "listing", "lock", "read_json", "summaries", "write_json", "write_text",
]  # fmt: skip

CONFIG = "config.yaml"
SUMMARY = "summary.json"
CHECKPOINTS = "checkpoints"

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_STAMP = re.compile(r"\d{8}-\d{6}")
_NUMBER = ".number"
_LOCK = ".lock"
_OWN = (
    CHECKPOINTS,
    "samples",
    "tensorboard",
    "wandb",
    "compare",
    "scores",
    "jobs",
    "log.txt",
    "metrics.csv",
    CONFIG,
    SUMMARY,
    "stop",
    _LOCK,
    _NUMBER,
)
"""What a run or a sweep writes below its own directory."""

_LOCKS: set[int] = set()  # file descriptors of the run locks that this process holds


def check_name(name: str) -> None:
    """Check that ``name`` can be one directory below ``outputs``.

    Raises:
        ConfigError: anything but 1 to 100 of ``A-Z a-z 0-9 . _ -`` with no leading dot (so no path, no ``=``).
    """
    if _NAME.fullmatch(name) is None:
        shown = name if len(name) <= 40 else name[:37] + "..."
        raise ConfigError(
            f"name={shown!r} cannot be a run's name: use 1 to 100 letters, digits, '.', '_' or '-', no leading dot"
        )


def create(outputs: Path, verb: str, name: str) -> Path:
    """Make a new run directory that no other process has, and return its path.

    Training runs get ``checkpoints/`` and ``samples/``; other verbs make what they need.

    Raises:
        ConfigError: ``name`` or ``verb`` is no plain name, or ``outputs`` cannot be written.
    """
    check_name(verb)
    check_name(name)
    parent = Path(outputs) / verb / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        run = _new_directory(parent)
        if verb == "train":
            (run / CHECKPOINTS).mkdir()
            (run / "samples").mkdir()
    except OSError as error:
        raise ConfigError(
            f"cannot make a run directory in {parent}: {error.strerror or error}; "
            "choose a folder that can be written with outputs=FOLDER"
        ) from error
    return run


def _new_directory(parent: Path) -> Path:
    number = 1 + max((_number(other.parent) for other in parent.parent.glob(f"*/*/{_NUMBER}")), default=0)
    while True:
        run = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
        try:
            run.mkdir(exist_ok=False)
        except FileExistsError:
            continue  # another start drew the same id within this second: draw again
        try:
            (run / _NUMBER).write_text(f"{number}\n")
        except OSError:
            shutil.rmtree(run, ignore_errors=True)
            raise
        return run


def _number(run: Path) -> int:
    """A run's place in the order of starts, which a clock that was set back does not change; 0 if it has none."""
    try:
        text = foreign.read_bytes(run / _NUMBER, most=20).strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def listing(outputs: Path, *, verb: str = "*") -> list[Path]:
    """All run directories below ``outputs`` that hold a ``config.yaml``, newest first.

    The order is that in which they were started here; for starts at the same moment, and for runs of a genlab that did
    not number them, that of the time stamp in the name, then of the time when ``config.yaml`` was written.
    """
    dated = []
    for config in Path(outputs).glob(f"{verb}/*/*/{CONFIG}"):
        stamp = _STAMP.match(config.parent.name)
        with suppress(OSError):  # removed by its owner while we look
            order = (_number(config.parent), stamp.group() if stamp else "", config.stat().st_mtime_ns)
            dated.append((order, config.parent))
    return [run for _, run in sorted(dated, reverse=True)]


def last(outputs: Path, *, verb: str = "train") -> Path:
    """The newest run of ``verb`` that holds a ``config.yaml``.

    Raises:
        CheckpointError: there is none.
    """
    runs = listing(outputs, verb=verb)
    if not runs:
        raise CheckpointError(
            f"no {verb} run in {outputs}: start one with `genlab {verb}`, or name the folder with outputs=FOLDER"
        )
    return runs[0]


@contextmanager
def lock(run_dir: Path) -> Iterator[None]:
    """Hold ``run_dir`` for this process: a second writer is refused, the first is unharmed.

    The kernel releases the lock when the process ends, however it ends. Children do not keep it: ``exec`` closes the
    descriptor (Python's default) and a forked data worker closes it at birth, so a killed run can be resumed at once.
    It leaves no trace: what the lock file held is in it again afterwards.

    Raises:
        ConfigError: another process holds it, or the directory cannot be written.
        TrustError: something that a run writes is a link, perhaps to a file of somebody else.
    """
    run_dir = Path(run_dir)
    link = foreign.linked(run_dir, _OWN)
    if link is not None:
        raise TrustError(f"{link} is a link: what a run writes stays in its directory; put the real {link.name} there")
    path = run_dir / _LOCK
    try:
        fd = foreign.open_own(path, os.O_RDWR)
    except OSError as error:
        raise ConfigError(f"cannot write in the run directory {run_dir}: {error.strerror or error}") from error
    _LOCKS.add(fd)
    held = None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise ConfigError(
                f"another process (pid {pid}) is writing {run_dir}: wait for it, stop it, or start a new run"
            ) from None
        except OSError as error:  # some network file systems
            warnings.warn(
                f"{run_dir} cannot be locked ({error.strerror}): see that one process writes it", stacklevel=3
            )
        held = os.pread(fd, 64, 0)
        _refill(fd, f"{os.getpid()}\n".encode())
        yield
    finally:
        if fd in _LOCKS:  # not in a forked child: closed there already, and the number may be another file's by now
            if held is not None:
                with suppress(OSError):  # a full disk: it is only told to who is refused
                    _refill(fd, held)
            _LOCKS.discard(fd)
            os.close(fd)


def _refill(fd: int, content: bytes) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, content, 0)


def _drop_locks_in_child() -> None:
    """Close inherited lock descriptors: the lock lives as long as any copy of its descriptor does."""
    while _LOCKS:
        with suppress(OSError):
            os.close(_LOCKS.pop())


os.register_at_fork(after_in_child=_drop_locks_in_child)


def summaries(outputs: Path, *, verb: str = "*") -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield ``(run directory, its summary.json)``, newest first; runs without a summary are left out.

    A damaged summary is warned about, not raised: one bad run must not hide the others.
    """
    for run in listing(outputs, verb=verb):
        if not (run / SUMMARY).is_file():
            continue
        try:
            value = read_json(run / SUMMARY)
        except CheckpointError as error:
            warnings.warn(str(error), stacklevel=2)
            continue
        if isinstance(value, dict):
            yield run, value
        else:
            warnings.warn(f"{run / SUMMARY} is damaged: not a JSON object", stacklevel=2)
