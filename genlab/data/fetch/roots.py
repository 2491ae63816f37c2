"""Where data live: the root folder, and whether a folder may be written to."""

from __future__ import annotations

import os
from pathlib import Path

from genlab.errors import DataError


def data_root(root: str | os.PathLike[str] | None, *, download: bool = False, need: str = "the data") -> Path:
    """The folder that holds the data sets.

    Args:
        root: a folder of the user's, or None for ``$GENLAB_DATA`` or, where that is unset, ``~/.cache/genlab``.
        download: whether what is missing can be fetched: an empty folder is then good enough, and the default
            folder is created. A folder that the user named and that does not exist is a typing error all the same.
        need: what has to be put there, and from where; for the message.

    Raises:
        DataError: if the folder is missing, empty, or not a folder; the message names it.
    """
    default = os.environ.get("GENLAB_DATA") or "~/.cache/genlab"
    path = Path(default if root is None else root).expanduser()
    what = f"data.root={path}" if root is not None else f"{path} ($GENLAB_DATA or the default of data.root)"
    if path.exists() and not path.is_dir():
        raise DataError(f"{what} is not a folder: give the folder that holds the data sets")
    if not path.exists():
        if root is not None or not download:
            raise DataError(f"{what} does not exist: put {need} there, or give an existing folder as data.root")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{what} cannot be created ({error.strerror}): set data.root or GENLAB_DATA") from error
    if not download and not any(path.iterdir()):
        raise DataError(f"{what} is empty: put {need} there, or give another data.root")
    return path


def existing_folder(root: str | os.PathLike[str], *, what: str = "data.root", holds: str = "the pictures") -> Path:
    """A folder of the user's own data; it must exist and hold something.

    Args:
        root: the folder.
        what: the option, for messages.
        holds: what it should hold, for messages.

    Raises:
        DataError: if it is missing, empty, or not a folder; the message names it.
    """
    path = Path(root).expanduser()
    if not path.is_dir():
        reason = "is not a folder" if path.exists() else "does not exist"
        raise DataError(f"{what}={path} {reason}: give the folder that holds {holds}")
    try:
        empty = not any(path.iterdir())
    except OSError as error:
        raise DataError(f"{what}={path} cannot be read ({error.strerror})") from error
    if empty:
        raise DataError(f"{what}={path} is empty: give the folder that holds {holds}")
    return path


def is_writable(folder: Path) -> bool:
    """Whether files may be written into `folder`, or into its nearest existing ancestor.

    The mode bits decide before the rights of this process do: a folder that has no write bit for anyone is meant
    to stay as it is, also for an administrator, whom the operating system would let through.
    """
    for place in (folder, *folder.parents):
        if place.exists():
            return place.is_dir() and bool(place.stat().st_mode & 0o222) and os.access(place, os.W_OK | os.X_OK)
    return False
