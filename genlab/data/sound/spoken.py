"""What the names of recordings say: their class, and which are the test of the free spoken digit dataset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from genlab.data.classes import natural
from genlab.data.sound.sound_files import name_in
from genlab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Label = Literal["auto", "folder", "digit", "speaker"]

NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_]+)_(?P<index>\d+)")
"""Of the free spoken digit dataset, without the suffix: ``7_jackson_32``."""

TEST, VAL = 5, 10
"""Indices below are the official test, and from there to here validation: 5 recordings of each digit and speaker."""


def labels(files: Sequence[Path], kind: Label | None, *, folders: Mapping[Path, str], base: Path) -> dict[Path, str]:
    """The class of each file by its name; empty where there are none.

    Args:
        files: all of them.
        kind: what is the class; "auto": of names as those of the spoken digits the digit, else the folder where there
            is one for each class, else none; None: none.
        folders: the first folder that each lies in, "" where it lies in none.
        base: the folder of the files, for messages.

    Raises:
        DataError: ``kind`` says what files do not have.
    """
    if kind in ("digit", "speaker"):
        return _named(files, kind, base)
    own = {file: folders[file] for file in files}
    if kind == "folder":
        without = [file for file in files if not own[file]]
        if without:
            raise DataError(
                f"{base}: data.label=folder, but {name_in(base, without[0])} lies in none: "
                "give one folder per class, or data.label=null"
            )
    if kind == "auto" and spoken(files):
        return _named(files, "digit", base)
    one = len({*own.values()}) < 2
    if kind == "folder" and one:
        raise DataError(f"{base}: data.label=folder, but all recordings lie in one: give one folder per class")
    return {} if kind is None or one or not all(own.values()) else own


def spoken(files: Sequence[Path]) -> bool:
    """Whether all names are those of spoken digits."""
    return all(NAME.fullmatch(file.stem) for file in files)


def official(files: Sequence[Path]) -> dict[str, list[Path]] | None:
    """The split of the free spoken digit dataset; None where names are others, or a part would be empty."""
    if not spoken(files):
        return None
    parts: dict[str, list[Path]] = {"train": [], "val": [], "test": []}
    for file in files:
        index = int(_parts(file)["index"])
        parts["test" if index < TEST else "val" if index < VAL else "train"].append(file)
    return parts if all(parts.values()) else None


def classes(found: Mapping[Path, str]) -> tuple[str, ...]:
    """The names of the classes in their order."""
    return tuple(natural({*found.values()}))


def _named(files: Sequence[Path], kind: Label, base: Path) -> dict[Path, str]:
    other = [file for file in files if not NAME.fullmatch(file.stem)]
    if other:
        raise DataError(
            f"{base}: data.label={kind}, but {name_in(base, other[0])} is not named as 7_jackson_32.wav "
            "(digit, speaker, index): use data.label=folder or data.label=null"
        )
    return {file: _parts(file)[kind] for file in files}


def _parts(file: Path) -> dict[str, str]:
    found = NAME.fullmatch(file.stem)
    assert found is not None
    return found.groupdict()
