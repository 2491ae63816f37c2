"""Fetch files and unpack archives so that nothing false, partial or misplaced is left on disk."""

from __future__ import annotations

import hashlib
import http.client
import lzma
import os
import secrets
import shutil
import tarfile
import urllib.parse
import urllib.request
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, TypeVar

from genlab.data.roots import is_writable
from genlab.errors import DataError

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

CHUNK = 1 << 20
MAX_DOWNLOAD = 8 << 30
MAX_UNPACKED = 64 << 30
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


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    timeout: float = 30.0,
    max_bytes: int = MAX_DOWNLOAD,
) -> Path:
    """Download one file from the first mirror that has it, verify it, and only then give it its name.

    A file that is already there is verified and kept; it is never overwritten.

    Args:
        urls: mirrors in the order of preference; http and https only.
        target: the file to make; its folder is created.
        md5: hexadecimal checksum; give this or `sha256`.
        sha256: hexadecimal checksum.
        timeout: seconds that the server may stay silent.
        max_bytes: bound on what a server may send.

    Returns:
        `target`.

    Raises:
        DataError: if no mirror gives the right file (no network, wrong checksum, an HTML page), if the folder cannot
            be written to, or if a file of another content is there already. No partial file is left.
    """
    algorithm, expected = _one_checksum(md5, sha256)
    if target.exists():
        verify(target, md5=md5, sha256=sha256)
        return target
    by_hand = f"put {target.name} from {urls[0]} into {target.parent}"
    if not is_writable(target.parent):
        raise DataError(f"{target} is missing and its folder is read-only: {by_hand}, or give another data.root")
    reasons = []
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        _or_data_error(target, lambda: target.parent.mkdir(parents=True, exist_ok=True))
        for url in urls:
            try:
                found, head = _receive(url, part, algorithm, timeout=timeout, max_bytes=max_bytes)
            except (OSError, http.client.HTTPException, ValueError) as error:  # URLError and timeouts are OSErrors
                reasons.append(f"{_host(url)}: {getattr(error, 'reason', None) or error or type(error).__name__}")
                continue
            if found == expected:
                _or_data_error(target, lambda: os.replace(part, target))
                return target
            page = head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))
            what = "sent an HTML page instead of the file" if page else f"sent a file of another {algorithm} ({found})"
            reasons.append(f"{_host(url)} {what}")
    finally:
        part.unlink(missing_ok=True)
    raise DataError(f"cannot download {target.name} ({'; '.join(map(_one_line, reasons))}): {by_hand}")


def verify(path: Path, *, md5: str | None = None, sha256: str | None = None) -> None:
    """Check the checksum of a file.

    Raises:
        DataError: if it differs or the file cannot be read; the message names the file.
    """
    algorithm, expected = _one_checksum(md5, sha256)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: _hasher(algorithm)).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error
    if found != expected:
        raise DataError(
            f"{path} is damaged or another file ({algorithm} {found}, expected {expected}): "
            "move it away and run again, or put the right file there"
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
    with _staged(archive, folder) as part, tarfile.open(archive) as tar:
        members, total = [], 0
        for member in tar:
            if not (member.isfile() or member.isdir()):
                raise DataError(f"{archive}: refused, member {member.name!r} is a link or a device, not a file")
            _check_name(archive, member.name)
            total = _check_total(archive, total + member.size)
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


def unpack_zip(archive: Path, folder: Path) -> Path:
    """Unpack a zip archive: arguments, checks and errors as in `unpack_tar`."""
    with _staged(archive, folder) as part, zipfile.ZipFile(archive) as file:
        members, total = file.infolist(), 0
        for member in members:
            kind = (member.external_attr >> 16) & 0o170000
            if kind not in (0, 0o100000, 0o040000):
                raise DataError(f"{archive}: refused, member {member.filename!r} is a link or a device, not a file")
            _check_name(archive, member.filename)
            total = _check_total(archive, total + member.file_size)
        file.extractall(part, members=members)
    return folder


@contextmanager
def _staged(archive: Path, folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its name if all goes well, and is removed if not."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        yield part
        os.replace(part, folder)
    except UNREADABLE as error:
        raise DataError(f"{archive}: cannot be unpacked ({_one_line(str(error))}): fetch it again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _receive(url: str, part: Path, algorithm: str, *, timeout: float, max_bytes: int) -> tuple[str, bytes]:
    """Stream `url` into `part`; returns the checksum and the first bytes."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("only http and https are fetched")
    digest = _hasher(algorithm)
    head = b""
    done = 0
    request = urllib.request.Request(url, headers={"User-Agent": "genlab"})
    with (
        urllib.request.urlopen(request, timeout=timeout) as reply,
        _or_data_error(part, lambda: part.open("wb", buffering=0)) as file,
    ):
        while chunk := reply.read(CHUNK):
            head = head or chunk[:64]
            done += len(chunk)
            if done > max_bytes:
                raise ValueError(f"sent more than {max_bytes} bytes")
            digest.update(chunk)
            _or_data_error(part, partial(_write_all, file, chunk))
        _or_data_error(part, lambda: os.fsync(file.fileno()))
    return digest.hexdigest(), head


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _or_data_error(path: Path, action: Callable[[], T]) -> T:
    """Do something with the disk; its errors must not be taken for those of the network."""
    try:
        return action()
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): make room, or give another data.root") from error


def _one_checksum(md5: str | None, sha256: str | None) -> tuple[str, str]:
    if (md5 is None) == (sha256 is None):
        raise TypeError("give exactly one of md5 and sha256")
    return ("md5", md5.lower()) if md5 is not None else ("sha256", str(sha256).lower())


def _hasher(algorithm: str) -> hashlib._Hash:
    # md5 serves against damage here, as the publishers of the data sets chose it; FIPS builds need to be told.
    return hashlib.new(algorithm, usedforsecurity=False)


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc or url


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _check_name(archive: Path, name: str) -> None:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or ".." in windows.parts
    if outside or "\0" in name:
        raise DataError(f"{archive}: refused, member {name!r} would be written outside the folder")


def _check_total(archive: Path, total: int) -> int:
    if total > MAX_UNPACKED:
        raise DataError(f"{archive}: refused, it would unpack to more than {MAX_UNPACKED} bytes")
    return total
