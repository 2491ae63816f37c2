"""What the results of many files are called, when no two may be called the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def targets(names: Sequence[Path]) -> list[Path]:
    """A PNG's name for each file, no two the same: ``a.png`` for ``a.jpg``, ``a.jpg.png`` if ``a.tif`` wants it too."""
    short = [name.with_suffix(".png") for name in names]
    wanted = Counter(map(_folded, short))
    # names that nobody else wants go first: a.jpg.png keeps its own, whoever would like to evade to it
    taken = {name for name, count in wanted.items() if count == 1}
    found = []
    for name, target in zip(names, short, strict=True):
        if wanted[_folded(target)] > 1:
            target, number = name.with_name(f"{name.name}.png"), 2
            while _folded(target) in taken:
                target, number = name.with_name(f"{name.name}-{number}.png"), number + 1
            taken.add(_folded(target))
        found.append(target)
    return found


def _folded(name: Path) -> str:
    """The name as a file system that does not tell capitals from small letters sees it."""
    return name.as_posix().casefold()
