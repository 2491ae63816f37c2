"""Fetch files and unpack archives so that nothing false, partial or misplaced is left on disk."""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from genlab.data.roots import is_writable
from genlab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 1 << 20
MAX_DOWNLOAD = 8 << 30
MAX_UNPACKED = 64 << 30


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
        md5, sha256: hexadecimal checksums, exactly one of them.
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
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                found, head = _receive(url, part, algorithm, timeout=timeout, max_bytes=max_bytes)
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                reasons.append(f"{_host(url)}: {getattr(error, 'reason', None) or error or type(error).__name__}")
                continue
            except ValueError as error:
                reasons.append(f"{_host(url)}: {error}")
                continue
            if found == expected:
                os.replace(part, target)
                return target
            page = head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))
            what = "sent an HTML page instead of the file" if page else f"sent a file of another {algorithm} ({found})"
            reasons.append(f"{_host(url)} {what}")
    except OSError as error:
        raise DataError(f"cannot write {target} ({error.strerror}): {by_hand}") from error
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
    """Unpack a tar archive (any compression) into `folder`: plain files and folders only.

    Every member is checked before the first is written. Links are refused altogether: the data filter of
    Python 3.11 can be led outside through chains of them.

    Raises:
        DataError: for a link, a device, an absolute path, a ``..``, a bomb or a damaged archive; nothing is written
            outside `folder`, and nothing at all where a member is refused.
    """
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                if not (member.isfile() or member.isdir()):
                    raise DataError(f"{archive}: refused, member {member.name!r} is a link or a device, not a file")
                _check_name(archive, member.name)
            _check_total(archive, sum(member.size for member in members))
            folder.mkdir(parents=True, exist_ok=True)
            tar.extractall(folder, members=members, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{archive}: cannot be unpacked ({_one_line(str(error))}): fetch it again") from error
    return folder


def unpack_zip(archive: Path, folder: Path) -> Path:
    """Unpack a zip archive into `folder`: plain files and folders only; checks and errors as in `unpack_tar`."""
    try:
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            for member in members:
                kind = (member.external_attr >> 16) & 0o170000
                if kind not in (0, 0o100000, 0o040000):
                    raise DataError(f"{archive}: refused, member {member.filename!r} is a link or a device, not a file")
                _check_name(archive, member.filename)
            _check_total(archive, sum(member.file_size for member in members))
            folder.mkdir(parents=True, exist_ok=True)
            file.extractall(folder, members=members)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{archive}: cannot be unpacked ({_one_line(str(error))}): fetch it again") from error
    return folder


def _receive(url: str, part: Path, algorithm: str, *, timeout: float, max_bytes: int) -> tuple[str, bytes]:
    """Stream `url` into `part`; returns the checksum and the first bytes."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("only http and https are fetched")
    digest = _hasher(algorithm)
    head = b""
    done = 0
    request = urllib.request.Request(url, headers={"User-Agent": "genlab"})
    with urllib.request.urlopen(request, timeout=timeout) as reply, part.open("wb") as file:
        while chunk := reply.read(CHUNK):
            head = head or chunk[:64]
            done += len(chunk)
            if done > max_bytes:
                raise ValueError(f"sent more than {max_bytes} bytes")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), head


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


def _check_total(archive: Path, total: int) -> None:
    if total > MAX_UNPACKED:
        raise DataError(f"{archive}: refused, it would unpack to {total} bytes")
