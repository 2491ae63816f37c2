"""Open what others may have written, or put in our way: plain files of bounded size, never through a link of a run.

A name in a run, a cache or a data folder can be anything: a pipe that never answers, a device without an end, a sparse
file of a terabyte, a link to a file of the user's that is then emptied. Everything here raises OSError with a reason
that reads on after the file's name; who opens turns it into the error of its kind.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedReader

TEXT = 64 << 20
"""Bytes of a text that one would read whole: a summary, a log of metrics."""

MAX_HOLES = 1 << 30
_MAX_EXTENTS = 10_000


def open_plain(path: Path, *, most: int | None, links: bool) -> BufferedReader:
    """Open a plain file for reading.

    Args:
        path: its name.
        most: bytes that it may have; None: as many as the disk holds.
        links: whether the name itself may be a link: yes for what a user names, no for what lies in a run.

    Raises:
        OSError: missing, unreadable, a link, no plain file, too large, or all holes.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    fd = _open(path, flags)
    try:
        size = _plain(fd, path).st_size
        if most is not None and size > most:
            raise OSError(errno.EFBIG, f"it has {size} bytes, and at most {most} are expected", str(path))
        if size > MAX_HOLES and _holes(fd, size) > MAX_HOLES:
            raise OSError(errno.EFBIG, "it is sparse: most of it was never written", str(path))
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def read_bytes(path: Path, *, most: int = TEXT, links: bool = False) -> bytes:
    """All of a plain file.

    Raises:
        OSError: as `open_plain`, also for a file that grows beyond ``most`` while it is read.
    """
    with open_plain(path, most=most, links=links) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, most) + 1)  # a buffer of so many bytes is made at once
        if size < len(data) <= most:  # it grows
            data += file.read(most + 1 - len(data))
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than the {most} bytes that are expected", str(path))
    return data


def read_text(path: Path, *, most: int = TEXT, links: bool = False) -> str:
    """All of a plain UTF-8 text.

    Raises:
        OSError: as `read_bytes`.
        UnicodeDecodeError: it is no UTF-8.
    """
    return read_bytes(path, most=most, links=links).decode("utf-8")


def open_own(path: Path, flags: int) -> int:
    """A descriptor for writing a file of a run, made if need be; never another file under that name.

    Args:
        path: its name.
        flags: of `os.open`, such as ``os.O_RDWR`` or ``os.O_WRONLY | os.O_APPEND``; never ``os.O_TRUNC``, which would
            act before anything is known of the file.

    Raises:
        OSError: it cannot be written, is a link, no plain file, or has a second name elsewhere.
    """
    fd = _open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if _plain(fd, path).st_nlink > 1:
            raise OSError(errno.EMLINK, "it is a hard link: the same file has another name elsewhere", str(path))
    except BaseException:
        os.close(fd)
        raise
    return fd


def linked(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of ``names`` in ``folder`` that is a symbolic link, wherever it points; None if there is none."""
    return next((folder / name for name in names if (folder / name).is_symlink()), None)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP and os.path.islink(path):
            raise OSError(errno.ELOOP, "it is a link; files of a run stay in the run", str(path)) from None
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise OSError(errno.ENXIO, "it is no plain file", str(path)) from None
        raise
    except ValueError as error:  # a zero byte in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from error


def _plain(fd: int, path: Path) -> os.stat_result:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return status


def _holes(fd: int, size: int) -> int:
    """Bytes of a file that were never written, or so many that it does not matter how many more."""
    found, at = 0, 0
    try:
        for _ in range(_MAX_EXTENTS):
            hole = os.lseek(fd, at, os.SEEK_HOLE)
            if hole >= size:
                return found
            try:
                at = os.lseek(fd, hole, os.SEEK_DATA)
            except OSError:  # ENXIO: no data up to the end
                at = size
            found += at - hole
            if found > MAX_HOLES:
                break
        return found
    except OSError:  # a file system that cannot tell
        return 0
    finally:
        os.lseek(fd, 0, os.SEEK_SET)
