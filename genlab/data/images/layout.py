"""Which folder holds what: the usual names of splits, classes and domains, and what is too ambiguous to guess."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from genlab.data.classes import listed
from genlab.data.images.read import is_picture, list_pictures
from genlab.errors import DataError
from genlab.process.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "eval", "evaluation", "dev", "development"),
    "test": ("test", "testing"),
}
_SPLIT = {name: part for part, names in NAMES.items() for name in names}
_PATTERN = re.compile(rf"({'|'.join(sorted(_SPLIT, key=len, reverse=True))})(?:[ _-]?(?:set|split|data|images))?")
_DOMAIN = re.compile(rf"({'|'.join(sorted(_SPLIT, key=len, reverse=True))})[ _-]?([ab])")
_HINT = re.compile(rf"(?<![a-z])({'|'.join(sorted([*_SPLIT, 'trn', 'tst'], key=len, reverse=True))})(?![a-z])")
_TRAINED = {*NAMES["train"], "trn"}
KINDS = 6  # suffixes that are counted one by one

Classes = list[tuple[str | None, list[Path]]]
"""``(name of the class or None, its pictures)``."""


def split_of(name: str) -> str | None:
    """The split ("train", "val", "test") where a folder's name says so (``Training``, ``valid``, ``test_set``)."""
    found = _PATTERN.fullmatch(name.lower())
    return _SPLIT[found[1]] if found else None


def domain_of(name: str) -> str | None:
    """``trainA``, ``valB`` ... where a folder's name says so (``TrainA``, ``test_b``), else None."""
    found = _DOMAIN.fullmatch(name.lower())
    return f"{_SPLIT[found[1]]}{found[2].upper()}" if found else None


def look_alikes(names: Iterable[str]) -> list[str]:
    """Names that differ in the word for a split alone (``seg_train`` and ``seg_test``, ``train2017`` and ``val2017``).

    They are no usual names of splits, and most likely no classes.
    """
    alike: dict[str, dict[str, str]] = {}
    for name in names:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
        found = _HINT.search(words)
        if found and not split_of(name) and not domain_of(name):
            rest = re.sub(r"[\W\d_]+", " ", f"{words[: found.start()]} {words[found.end() :]}").strip()
            alike.setdefault(rest, {})[found[1]] = name
    same = next((each for each in alike.values() if len(each) > 1 and not _TRAINED.isdisjoint(each)), {})
    return sorted(same.values())


def given_parts(base: Path, *, domains: bool = False) -> dict[str, Path]:
    """The folders of the splits (with `domains`, ``trainA`` ...) that are there, by their usual names.

    Raises:
        DataError: two folders are the same split.
    """
    parts: dict[str, Path] = {}
    for folder in subfolders(base):
        part = domain_of(folder.name) if domains else split_of(folder.name)
        if part in parts:
            raise DataError(f"{base}: {parts[part].name} and {folder.name} are both {part}: rename or remove one")
        if part is not None:
            parts[part] = folder
    order = [f"{part}{domain}" for domain in ("AB" if domains else ("",)) for part in NAMES]
    return {part: parts[part] for part in order if part in parts}


def tree(base: Path, notes: list[str]) -> dict[str, Classes]:
    """The pictures of `base` by split and class; all of them are "train" where no folder is a split.

    Args:
        base: an existing folder.
        notes: gets what is left aside.

    Raises:
        DataError: it cannot be told what is a split and what is a class; the message says what to rename.
    """
    if domains := given_parts(base, domains=True):
        names = " and ".join(domains[part].name for part in domains if part.startswith("train")) or listed([*domains])
        raise DataError(f"{base} holds {names}: read it with data=unpaired, or give one of them as data.root")
    parts = given_parts(base)
    others = [folder for folder in subfolders(base) if folder not in parts.values() and _has_pictures(folder)]
    if parts and "train" not in parts and (others or _has_pictures(base)):
        names = listed([folder.name for folder in parts.values()])
        raise DataError(
            f"{base} holds {names}/, but no train/: put the pictures to train on into train/; "
            "if it is a class and no split, rename it"
        )
    if parts.keys() == {"train"} and others:
        raise DataError(
            f"{base} holds {parts['train'].name}/ beside {listed([folder.name for folder in others])}: if it is the "
            "training split, move the others away; if it is a class, rename it"
        )
    if not parts:
        if not list_pictures(base):  # its own are used, what lies deeper is not
            _refuse_splits(base, depth=0)
            _refuse_look_alikes(base)
        return {"train": _classes(base, notes)}
    for folder in parts.values():
        _refuse_splits(folder, depth=1)
        _refuse_look_alikes(folder)
    return {part: _classes(folder, notes) for part, folder in parts.items()}


def inner_root(base: Path, *, domains: bool = False) -> str:
    """A half-sentence that names the folder one level down that holds the splits: where the user meant to point."""
    wanted = "trainA" if domains else "train"
    for folder in subfolders(base):
        if wanted in given_parts(folder, domains=domains):
            return f"; {folder.name}/ in it holds them: give data.root={folder}"
    return ""


def left_out(base: Path, used: Iterable[Path]) -> list[str]:
    """One sentence, or none, that counts by suffix the files below `base` that are not used."""
    known = set(map(str, used))
    counts: Counter[str] = Counter()
    for here, folders, names in os.walk(base):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and os.path.join(here, name) not in known:
                counts[printable(os.path.splitext(name)[1].lower()) or "without suffix"] += 1
    if not counts:
        return []
    kinds = sorted(counts, key=lambda suffix: (-counts[suffix], suffix))
    more = sum(counts[suffix] for suffix in kinds[KINDS:])
    said = [f"{counts[suffix]} {suffix}" for suffix in kinds[:KINDS]] + [f"{more} of other kinds"] * (more > 0)
    return [f"{base}: files that are not read: {', '.join(said)}."]


def no_pictures(folder: Path) -> DataError:
    """The error of a folder without pictures, which says what there is in their place."""
    said = [note.partition(": ")[2].removeprefix("files that are not read: ") for note in left_out(folder, ())]
    there = f" (it holds {said[0].rstrip('.')})" if said else ""
    return DataError(f"{folder} holds no pictures{there}: give the folder that holds them as data.root")


def subfolders(folder: Path) -> list[Path]:
    """The folders in it by name, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _classes(folder: Path, notes: list[str]) -> Classes:
    """The pictures of the folder itself or, if it has none, of its subfolders, which are the classes."""
    flat = list_pictures(folder)
    inner = subfolders(folder)
    if flat:
        if inner:
            notes.append(f"{folder}: its own pictures are used, those of its {len(inner)} subfolders are not.")
        return [(None, flat)]
    found: Classes = [(path.name, files) for path in inner if (files := list_pictures(path, deep=True))]
    if len(found) == 1 and len(below := subfolders(folder / str(found[0][0]))) > 1:
        notes.append(
            f"{folder}: one folder, {found[0][0]}, so no classes; to have its {len(below)} subfolders as classes, "
            f"give {folder / str(found[0][0])} in place of it."
        )
    return found


def _refuse_splits(folder: Path, *, depth: int) -> None:
    """Raise if folders deeper than `depth` are named as splits: their test pictures would be trained on."""
    parents: dict[Path, list[str]] = {}
    for here, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(here)
        named = [name for name in folders if (split_of(name) or domain_of(name)) and _has_pictures(place / name)]
        if place == folder and (depth == 0 or len(named) < len(folders)):
            continue  # the level of the classes: a train is a vehicle, too
        if named:
            parents[place] = named
    if not parents:
        return
    first, names = next(iter(parents.items()))
    if len(parents) == 1:
        raise DataError(f"{folder}: {printable(str(first))} holds {listed(names)}: give it as data.root")
    raise DataError(
        f"{folder}: {len(parents)} folders in it hold splits of their own ({printable(str(first))}: {listed(names)}): "
        "put train/, val/ and test/ above the classes"
    )


def _refuse_look_alikes(folder: Path) -> None:
    """Raise if folders anywhere in it are named as splits may be, if not usually: they would be classes, or merged."""
    for here, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = look_alikes(name for name in folders if _has_pictures(Path(here) / name))
        if names:
            raise DataError(
                f"{printable(here)} holds {listed(names)}: if these are splits, rename them to train, val and test; if "
                "they are classes, give them names that do not look like splits"
            )


def _has_pictures(folder: Path) -> bool:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(is_picture(Path(here) / name) for name in names):
            return True
    return False
