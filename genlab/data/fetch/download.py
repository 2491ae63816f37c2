"""Fetch files so that nothing false or partial is left on disk."""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import urllib.parse
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from genlab.data.fetch.roots import is_writable
from genlab.errors import DataError
from genlab.files import foreign

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Sequence

T = TypeVar("T")

CHUNK = 1 << 20
MAX_DOWNLOAD = 8 << 30


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
        with foreign.open_plain(path, most=None, links=True) as file:
            found = hashlib.file_digest(file, lambda: _hasher(algorithm)).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error
    if found != expected:
        raise DataError(
            f"{path} is damaged or another file ({algorithm} {found}, expected {expected}): "
            "move it away and run again, or put the right file there"
        )


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
