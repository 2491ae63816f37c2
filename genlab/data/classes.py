"""Classes by their names: their order, their counts, and how another data set's labels become a model's."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from genlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from genlab.data.spaces import Dataset, DataSpec, Split

SHOWN = 10  # classes that are listed one by one


def natural(names: Iterable[str]) -> list[str]:
    """Names in the order of their numbers where they have some: 2 before 10, ``class2`` before ``class10``."""

    def key(name: str) -> tuple[list[tuple[int, int | str]], str]:
        parts = [part for part in re.split(r"(\d+)", name) if part]
        return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts], name

    return sorted(names, key=key)


def listed(names: Sequence[str], *, shown: int = SHOWN) -> str:
    """``ant, cat, dog``; the first `shown` and how many more where there are many."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def class_index(label: int | str, spec: DataSpec) -> int:
    """The index of a class that is given by its name or, where no class has that name, by its index.

    Where all names are numbers a number is a name, however it is written: beside ``01`` and ``02``, 1 is the first.

    Raises:
        ConfigError: there is no such class.
    """
    names = spec.classes or ()
    if str(label) in names:
        return names.index(str(label))
    count = spec.num_classes or 0
    if names and all(name.isdecimal() for name in names):
        same = [i for i, name in enumerate(names) if str(label).isdecimal() and int(name) == int(label)]
        if len(same) == 1:
            return same[0]
        raise ConfigError(f"label={label}: this data has the classes named {listed(names)}")
    if isinstance(label, int) and 0 <= label < count:
        return label
    if not names:
        raise ConfigError(f"label={label}: this data has the classes 0 to {count - 1}, of which no names are known")
    near = difflib.get_close_matches(str(label), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"label={label}: this data has the classes 0 to {count - 1}, named {listed(names)}{hint}")


def class_folders(spec: DataSpec) -> tuple[str, ...]:
    """A folder's name for each class: its own, or its number where it has none or cannot be one (``T-shirt/top``).

    Numbers have as many digits as the last one, so that folders sort as classes do.
    """
    count = spec.num_classes or 0
    width = len(str(count - 1))
    numbers = tuple(f"{k:0{width}d}" for k in range(count))
    named = tuple(
        number if name.startswith(".") or set(name) & set("/\\") else name
        for name, number in zip(spec.classes or numbers, numbers, strict=True)
    )
    return named if len(set(named)) == count else numbers


def class_of_folder(name: str, spec: DataSpec) -> int | None:
    """The class that a folder is named for, as in `class_folders`, or by name or number; None: none is."""
    folders = class_folders(spec)
    if name in folders:
        return folders.index(name)
    try:
        return class_index(int(name) if name.isascii() and name.isdecimal() else name, spec)
    except ConfigError:
        return None


def aligned(data: Dataset, spec: DataSpec) -> Dataset:
    """The data set with its labels renumbered by name as `spec` numbers them.

    Where either side has no names, labels stay as they are.

    Raises:
        DataError: a class of the data is none of those of `spec`.
    """
    own, known = data.spec.classes, spec.classes
    if own is None or known is None or own == known:
        return data
    unknown = [name for name in own if name not in known]
    if unknown:
        raise DataError(
            f"data {data.name}: {listed(unknown)} is no class of the model, which knows {listed(known)}: "
            "rename the class folders, or leave these out"
        )
    index = torch.tensor([known.index(name) for name in own])

    def renumbered(split: Split) -> Split:
        y, y_b = (None if labels is None else index[labels] for labels in (split.y, split.y_b))
        return replace(split, y=y, y_b=y_b)

    return replace(
        data,
        spec=replace(data.spec, num_classes=len(known), classes=known),
        train=renumbered(data.train),
        val=renumbered(data.val),
        test=renumbered(data.test),
    )


def class_notes(names: Sequence[str], labels: Mapping[str, torch.Tensor], *, things: str = "pictures") -> list[str]:
    """What a user should know of the classes of each split: their counts, and those that cannot be learned.

    Args:
        names: of the classes.
        labels: ``(N,) int64`` of each split, train among them.
        things: what they are of.
    """
    counts = {part: torch.bincount(y, minlength=len(names)).tolist() for part, y in labels.items()}
    parts = "/".join(counts)
    if len(names) <= SHOWN:
        each = zip(names, *counts.values(), strict=True)
        said = ", ".join(f"{name} {'/'.join(map(str, found))}" for name, *found in each)
        notes = [f"{len(names)} classes ({parts}): {said}."]
    else:
        said = ", ".join(
            f"{part} {min(found)} ({names[found.index(min(found))]}) to {max(found)} ({names[found.index(max(found))]})"
            for part, found in counts.items()
        )
        notes = [f"{len(names)} classes, {listed(names, shown=3)}; {things} of a class: {said}."]
    for part, found in counts.items():
        absent = [name for name, count in zip(names, found, strict=True) if count == 0]
        if absent and part == "train":
            notes.append(f"no training {things} of {listed(absent)}: nothing can be learned about them.")
        elif absent:
            notes.append(f"no {things} of {listed(absent)} in {part}: its figures say nothing about them.")
    return notes
