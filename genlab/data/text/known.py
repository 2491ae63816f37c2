"""Texts that can be fetched: where they are, and the sum of what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genlab.data.fetch.download import fetch, verify
from genlab.data.fetch.roots import data_root
from genlab.errors import ConfigError, DataError
from genlab.signatures.ranges import Folder


@dataclass(frozen=True)
class Known:
    """A file that can be fetched.

    Attributes:
        file: below the folder of data sets.
        url: where it is.
        sha256: of its content.
        home: where a person finds it.
    """

    file: str
    url: str
    sha256: str
    home: str


def place(known: Mapping[str, Known], name: str, root: Folder | None, *, download: bool) -> Path:
    """The file of a known text; fetched if it is missing.

    Args:
        known: all of them.
        name: of one.
        root: the file itself, which is read as it is; or the folder that holds the data sets, None for the usual one.
        download: whether it may be fetched.

    Raises:
        ConfigError: no such name.
        DataError: it is missing, or not the original.
    """
    if name not in known:
        raise ConfigError(f"data.known={name}: there is {', '.join(known)}")
    if root is not None and Path(root).expanduser().is_file():
        return Path(root).expanduser()
    one = known[name]
    path = data_root(root, download=download, need=f"{one.file} from {one.home}") / one.file
    if path.exists():
        verify(path, sha256=one.sha256)
        return path
    if not download:
        raise DataError(f"{path} is missing: put {path.name} from {one.home} there, or set data.download=true")
    return fetch([one.url], path, sha256=one.sha256)
