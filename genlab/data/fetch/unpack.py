"""Unpack archives so that nothing misplaced, partial or endless is left on disk."""

from __future__ import annotations

import fcntl
import glob
import lzma
import os
import secrets
import shutil
import tarfile
import zipfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO

from genlab.errors import DataError
from genlab.files import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_UNPACKED = 64 << 30
MAX_RATIO, SMALL = 100, 64 << 20
"""An archive of more than so many bytes, unpacked, is no more than so many times its own size: pictures do not pack."""

MAX_MEMBERS = 2_000_000
# What tarfile and zipfile raise on damaged archives: also for encrypted members and unknown compressions.
UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
)


def unpack_tar(archive: Path, folder: Path) -> Path:
    """Unpack a tar archive (any compression): plain files and folders only.

    Every member is checked before the first is written. Links are refused altogether: the data filter of
    Python 3.11 can be led outside through chains of them. The whole is unpacked beside `folder` and then renamed,
    so that a half-unpacked folder never bears the name.

    Args:
        archive: the file.
        folder: what to make; must not exist yet, or be empty.

    Returns:
        `folder`.

    Raises:
        DataError: for a link, a device, an absolute path, a ``..``, a bomb or a damaged archive; nothing is left
            then, neither outside nor inside.
    """
    with _staged(archive, folder) as part, _opened(archive) as raw, tarfile.open(fileobj=raw) as tar:
        members, room = [], _Room(archive, folder, raw)
        for member in tar:
            if not (member.isfile() or member.isdir()):
                raise DataError(f"{archive}: refused, member {member.name!r} is a link or a device, not a file")
            _check_name(archive, member.name)
            room.take(member.size)
            members.append(member)
        for member in members:  # by hand: the data filter is missing from early 3.11 and has had escapes since
            target = part.joinpath(*PurePosixPath(member.name).parts)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None  # a plain file has content
            with content, target.open("xb") as file:
                shutil.copyfileobj(content, file)
    return folder


def unpack_zip(archive: Path, folder: Path, *, inner: str = "") -> Path:
    """Unpack a zip archive: arguments, checks and errors as in `unpack_tar`.

    Args:
        archive: the file.
        folder: what to make; if another process has made it meanwhile, it is that one's.
        inner: the archive's folder that becomes ``folder``; empty: all that is in it.
    """
    with _staged(archive, folder, inner) as part, _opened(archive) as raw, zipfile.ZipFile(raw) as file:
        members, room = file.infolist(), _Room(archive, folder, raw)
        for member in members:
            kind = (member.external_attr >> 16) & 0o170000
            if kind not in (0, 0o100000, 0o040000):
                raise DataError(f"{archive}: refused, member {member.filename!r} is a link or a device, not a file")
            _check_name(archive, member.filename)
            room.take(member.file_size)
        file.extractall(part, members=members)
    return folder


@contextmanager
def _staged(archive: Path, folder: Path, inner: str = "") -> Iterator[Path]:
    """A folder beside `folder` that (or whose `inner`) takes its name if all goes well; what is left is removed."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        with _held(part):
            _remove_abandoned(folder)
            yield part
            if inner and not (part / inner).is_dir():
                raise DataError(f"{archive} holds no folder {inner}: fetch it again")
            if not (inner and folder.exists()):  # or another run was faster
                os.replace(part / inner, folder)
    except UNREADABLE as error:
        raise DataError(f"{archive}: cannot be unpacked ({_line(str(error))}): fetch it again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock a folder while its writer lives; the kernel frees it if the writer is killed."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks: then nobody can take ours for abandoned either
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed processes have left of unpacking to ``folder``."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.part"):
        if not left.is_symlink() and left.is_dir():
            with suppress(OSError):
                fd = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    os.close(fd)


def _opened(archive: Path) -> BinaryIO:
    try:
        return foreign.open_plain(archive, most=None, links=True)
    except OSError as error:
        raise DataError(f"{archive} cannot be read ({error.strerror})") from error


class _Room:
    """How much an archive may unpack to: bounded by its own size, by the disk, and in number.

    Raises:
        DataError: from `take`, for more than that; nothing was written by then.
    """

    def __init__(self, archive: Path, folder: Path, raw: BinaryIO) -> None:
        self.archive = archive
        self.total = self.count = 0
        self.most = min(MAX_UNPACKED, max(SMALL, MAX_RATIO * os.fstat(raw.fileno()).st_size))
        self.free = shutil.disk_usage(folder.parent).free

    def take(self, size: int) -> None:
        """Count one more member of ``size`` bytes."""
        self.total += size
        self.count += 1
        if size < 0 or self.total > self.most or self.count > MAX_MEMBERS:
            raise DataError(
                f"{self.archive}: refused, it would unpack to {self.total:,} bytes in {self.count:,} files or more, "
                "which no data set of its size does"
            )
        if self.total > self.free:
            raise DataError(
                f"{self.archive}: unpacks to more than the {self.free:,} bytes that are free beside it; make room"
            )


def _check_name(archive: Path, name: str) -> None:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or ".." in windows.parts
    if outside or "\0" in name:
        raise DataError(f"{archive}: refused, member {name!r} would be written outside the folder")


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
