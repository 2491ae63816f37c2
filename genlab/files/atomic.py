"""Files written whole: at every moment a name points at the old content or at the new, never at a part.

Bytes go to a hidden sibling (the same file system, whatever TMPDIR says), are flushed to the disk, and only then take
the name. Importing this costs a millisecond: no torch, no json, no tempfile.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from genlab.errors import CheckpointError, ConfigError, GenlabError, TrainingError
from genlab.files import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def temporary(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A hidden file beside ``path``, locked while its writer lives, and gone at the end unless it was renamed.

    Raises:
        OSError: the folder cannot be written.
    """
    name = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    with open(name, "xb") as file:
        try:
            with suppress(OSError):  # a file system without locks: then nobody can take ours for abandoned either
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield name, file
        finally:
            name.unlink(missing_ok=True)  # missing is the usual case: it has taken its name


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files in ``folder`` whose writer is dead, which the kernel shows by having freed their locks."""
    for left in Path(folder).glob(".*.tmp"):
        with suppress(OSError), foreign.open_plain(left, most=None, links=False) as file:  # gone, or none of ours
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # being written, or a file system without locks, where nobody can tell
            left.unlink()


def sync_dir(folder: Path) -> None:
    """Make the names in ``folder`` durable: a rename survives a power cut only after this."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the disk's refusals into one line that names the folder and the way out.

    Raises:
        TrainingError: disk full, read-only folder, quota and the like.
    """
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"cannot write {path.name} in {path.parent}: {error.strerror or error}; "
            "free some space there or make it writable, or choose another folder with outputs=FOLDER"
        ) from error


def told(error: BaseException) -> GenlabError | None:
    """What the user can do about an error of the operating system that nobody nearer by has explained; None if nothing.

    Args:
        error: any error; those of a full disk and of a name that is too long can come from every call.
    """
    if not isinstance(error, OSError):
        return None
    name = error.filename or "a file"
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}:
        return TrainingError(
            f"cannot write {name}: {error.strerror}; free some space there or make it writable, or choose another "
            "folder with outputs=FOLDER"
        )
    if error.errno == errno.ENAMETOOLONG:
        return ConfigError(f"{name}: {error.strerror}; give a shorter path")
    return None


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, as :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` so that ``path`` is at every moment the old file or the new one, whole.

    A link of that name is replaced, and what it points at stays as it is. ``durable``: it also outlives a power cut,
    for which the disk is waited for; what can be made again need not.

    Raises:
        TrainingError: disk full, no permission and the like; the old file is untouched.
    """
    path = Path(path)
    with disk_errors(path), temporary(path) as (name, file):
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())
        os.replace(name, path)
        if durable:
            sync_dir(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically; numbers that are not finite, which JSON has no word for, as null.

    Raises:
        TypeError: a value that JSON lacks.
        TrainingError: as :func:`write_text`.
    """
    import json

    write_text(path, json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def read_json(path: Path) -> Any:
    """Read a JSON file of a run or a sweep.

    Raises:
        CheckpointError: it is missing, unreadable, no plain file, or not JSON.
    """
    import json

    try:
        return json.loads(foreign.read_text(Path(path)))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: not JSON ({' '.join(str(error).split())[:120]})") from error
