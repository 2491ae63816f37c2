"""Decode once: an array is built from files the first time and read back from one ``.npy`` file afterwards."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from genlab.data.fetch.roots import is_writable
from genlab.data.mapped import mapped
from genlab.files import foreign

MAP_FROM = 256 << 20
# After the array: a mark, the CRC-32 of all that is before, and the number of those bytes.
TRAILER = struct.Struct("<8sIQ")
MARK = b"genlab\0\1"
CHUNK = 1 << 22
PART = 1 << 24  # bytes of a mapped array that are looked at together

log = logging.getLogger("genlab")


@dataclass(frozen=True)
class Rows:
    """An array that is made some rows at a time: a large one goes to its file as it comes, and is never in memory.

    Attributes:
        dtype: of its values.
        shape: of a row.
        most: rows that it can have.
        blocks: makes the rows in order, ``(any number, *shape)`` at a time; called again where a disk has refused them.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    most: int
    blocks: Callable[[], Iterator[np.ndarray]]

    @property
    def large(self) -> bool:
        """Whether memory is spared."""
        return self.most * math.prod(self.shape) * self.dtype.itemsize > MAP_FROM

    def whole(self) -> np.ndarray:
        """All in memory."""
        array, count = np.empty((self.most, *self.shape), self.dtype), 0
        for block in self.blocks():
            array[count : count + len(block)] = block
            count += len(block)
        return array[:count]


def decoded(
    key_parts: Iterable[object],
    source_dir: Path,
    build: Callable[[], np.ndarray | Rows],
    *,
    check: Callable[[np.ndarray], bool] | None = None,
) -> np.ndarray:
    """The array that `build` makes, from the cache where it is there already.

    The file lies in ``source_dir/.genlab-cache/``, or under ``$GENLAB_CACHE`` (``~/.cache/genlab/decoded``) where
    the source is read-only. It is written beside its final name and renamed, so concurrent runs disturb nobody: each
    sees the whole file or none. A damaged file is built again. Where no place can be written to, nothing is cached.
    Deleting the cache is always safe.

    Args:
        key_parts: all that the array depends on: settings, and `file_keys` of the files. Their ``repr`` is hashed.
        source_dir: the folder that the files lie in.
        build: makes the array; called only if it must be.
        check: says whether an array that was read is what the caller expects (shape, type); if not, it is rebuilt.

    Returns:
        The array. Above 256 MiB it is mapped from the file, copy-on-write: the file is never written through it.
    """
    return _kept(key_parts, [source_dir / ".genlab-cache", cache_root()], build, check)


def kept(
    key_parts: Iterable[object], build: Callable[[], np.ndarray], *, check: Callable[[np.ndarray], bool] | None = None
) -> np.ndarray:
    """As `decoded` for what has no folder of its own: in ``$GENLAB_CACHE`` (``~/.cache/genlab/decoded``)."""
    return _kept(key_parts, [cache_root()], build, check)


def _kept(
    key_parts: Iterable[object],
    places: list[Path],
    build: Callable[[], np.ndarray | Rows],
    check: Callable[[np.ndarray], bool] | None,
) -> np.ndarray:
    digest = hashlib.sha256()
    for part in key_parts:
        digest.update(repr(part).encode("utf-8", "surrogatepass") + b"\0")
    name = f"{digest.hexdigest()[:32]}.npy"
    for place in places:
        array = _read(place / name)
        if array is not None and (check is None or check(array)):
            return array
    made = build()
    if isinstance(made, Rows) and not made.large:
        made = made.whole()
    if isinstance(made, np.ndarray):
        made = np.ascontiguousarray(made)
    for place in places:
        if is_writable(place) and _write(place / name, made):
            if (isinstance(made, Rows) or made.nbytes > MAP_FROM) and (array := _read(place / name)) is not None:
                return array
            break
    return made.whole() if isinstance(made, Rows) else made


def chosen(x: np.ndarray, rows: np.ndarray, path: Path) -> np.ndarray:
    """``x[rows]``; where ``x`` is mapped from ``path``, through the cache and a part after the other.

    Args:
        x: ``(N, ...)``.
        rows: ascending indices.
        path: the file of ``x``.
    """
    if not isinstance(x, np.memmap):
        return x[rows]
    step = max(1, PART // max(1, x[0].nbytes))

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(rows), step):
            yield x[rows[start : start + step]]

    made, shape = Rows(x.dtype, x.shape[1:], len(rows), blocks), (len(rows), *x.shape[1:])
    key = ("chosen", hashlib.sha256(rows.tobytes()).hexdigest(), file_keys([path], base=path.parent))
    return decoded(key, path.parent, lambda: made, check=lambda array: (array.dtype, array.shape) == (x.dtype, shape))


def file_keys(files: Iterable[Path], *, base: Path) -> list[tuple[str, int, int]]:
    """Relative name, size in bytes and mtime in ns of each file: they change when a file does.

    A file that cannot be looked at (a dangling link) has -1 for both: to complain is up to who reads it.
    """
    keys = []
    for file in files:
        try:
            stat = file.stat()
            size, mtime = stat.st_size, stat.st_mtime_ns
        except OSError:
            size = mtime = -1
        keys.append((file.relative_to(base).as_posix(), size, mtime))
    return keys


def cache_root() -> Path:
    """``$GENLAB_CACHE``, or a folder in the user's home."""
    return Path(os.environ.get("GENLAB_CACHE") or "~/.cache/genlab/decoded").expanduser()


def _read(path: Path) -> np.ndarray | None:
    """The array in `path`, or None if there is none or it is damaged."""
    try:
        with foreign.open_plain(path, most=None, links=True) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TRAILER.size))
            tail = file.read()
            if len(tail) != TRAILER.size:
                return None
            mark, crc, length = TRAILER.unpack(tail)
            if mark != MARK or length != size - TRAILER.size:
                return None
            file.seek(0)
            # checking it would read it all, which mapping is there to avoid
            if length <= MAP_FROM and _crc(file, length) != crc:
                return None
            file.seek(0)
            shape, kind, start = _header(file)
            if kind.hasobject or min(shape, default=0) < 0 or start + math.prod(shape) * kind.itemsize != length:
                return None
            if length > MAP_FROM:
                return mapped(file, dtype=kind, shape=shape, start=start)
            return np.frombuffer(file.read(length - start), dtype=kind).reshape(shape).copy()
    except (OSError, ValueError, MemoryError):
        return None


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and beginning of an array in row-major order, as its ``.npy`` file says, read before any of it.

    Raises:
        ValueError: it is no such header.
    """
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("not the version that is written here")
        shape, columns_first, kind = np.lib.format.read_array_header_1_0(file)
    except Exception as error:  # whatever a crafted header makes NumPy's parser raise
        raise ValueError("no header of an array") from error
    if columns_first and len(shape) > 1:
        raise ValueError("not written here: its columns come first")
    return shape, kind, file.tell()


def _write(path: Path, made: np.ndarray | Rows) -> bool:
    """Write atomically; False (and a line in the log) where the disk refuses, for a cache is a convenience."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("x+b") as file:
            if isinstance(made, Rows):
                _save(file, made)
            else:
                np.save(file, made, allow_pickle=False)
            length = file.tell()
            file.seek(0)
            crc = _crc(file, length)
            file.seek(length)
            file.write(TRAILER.pack(MARK, crc, length))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        log.warning("decoded data are not cached: %s cannot be written (%s)", path, error.strerror)
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _save(file: BinaryIO, rows: Rows) -> None:
    """As ``np.save``; how many rows there are is known, and written, at the end."""

    def begin(count: int) -> int:
        file.seek(0)
        header = {"shape": (count, *rows.shape), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, {**header, "descr": np.lib.format.dtype_to_descr(rows.dtype)})
        return file.tell()

    start, count = begin(rows.most), 0
    for block in rows.blocks():
        file.write(np.ascontiguousarray(block, rows.dtype).data)
        count += len(block)
    end = file.tell()
    assert begin(count) == start, "NumPy leaves room for the digits of the first axis"
    file.seek(end)


def _crc(file: BinaryIO, length: int) -> int:
    crc = 0
    while length > 0:
        chunk = file.read(min(CHUNK, length))
        if not chunk:
            return -1
        crc = zlib.crc32(chunk, crc)
        length -= len(chunk)
    return crc
