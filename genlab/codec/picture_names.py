"""Names that pictures have in a compressed file: such as can be written again, all of them, on any file system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

ENDING = ".png"
LONGEST = 250
"""Bytes of a part of a name."""


def fault(names: Sequence[object]) -> str | None:
    """What is wrong with names, relative and with ``/`` between folders; None: nothing.

    Each is in ``.png``, leads out of no folder and can be written everywhere; none is another one where capitals do not
    count, or a folder of another one.
    """
    folded: set[str] = set()
    for name in names:
        if not isinstance(name, str) or not name.isprintable() or "\\" in name:
            return f"{name!r} is no name that can be written everywhere"
        parts = name.split("/")
        if any(part in {"", ".", ".."} for part in parts) or not parts[-1].lower().endswith(ENDING):
            return f"{name!r} leads out of its folder, or is no PNG's"
        if any(len(part.encode()) > LONGEST for part in parts) or len(name) > 10 * LONGEST:
            return f"{name[:40]!r}... is too long"
        folded.add(name.casefold())
    if len(folded) < len(names):
        return "two names are one"
    both = folded & {str(parent) for name in folded for parent in PurePosixPath(name).parents}
    return f"{min(both)!r} is a picture and a folder" if both else None


def as_png(names: Sequence[str]) -> tuple[str, ...]:
    """A PNG's name for each file: those that are one keep theirs, the others take what is free."""
    taken = {name.casefold() for name in names if name.lower().endswith(ENDING)}
    taken |= {str(parent).casefold() for name in names for parent in PurePosixPath(name).parents}
    found = []
    for name in names:
        given = name
        if not name.lower().endswith(ENDING):
            path, number = PurePosixPath(name), 2
            given = str(path.with_suffix(ENDING))
            if given.casefold() in taken:
                given = f"{name}{ENDING}"
            while given.casefold() in taken:
                given, number = f"{name}-{number}{ENDING}", number + 1
            taken.add(given.casefold())
        found.append(given)
    return tuple(found)
