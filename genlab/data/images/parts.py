"""From lists of files to splits in memory: what is missing is cut from train, all is decoded into one array."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from genlab.data.classes import listed
from genlab.data.images.decode import Decoded, decode, found_range
from genlab.data.split import by_name
from genlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from genlab.data.images.read import Crop

Files = dict[str, list["Path"]]


def check_fraction(name: str, value: float) -> None:
    """Raise ConfigError unless it is a share that leaves more to train on."""
    if not 0 < value < 0.5:
        raise ConfigError(f"data.{name}={value}: give a share above 0 and below 0.5")


def complete(
    files: Files,
    base: Path,
    notes: list[str],
    *,
    val_fraction: float,
    test_fraction: float | None,
    labels: Mapping[Path, str] | None = None,
    what: str = "",
    things: str = "pictures",
) -> None:
    """Cut the splits that are missing from train; with `test_fraction` None, test is never cut but left out.

    Args:
        files: by split; train is there. What is missing is added.
        base: the folder: names are relative to it.
        notes: gets what was done.
        val_fraction: share of val.
        test_fraction: share of test.
        labels: with them every class is cut for itself, so that each has at least one picture in every split, as far
            as it has enough of them; None: the cut is blind to classes.
        what: after the name of `base` in the notes.
        things: what the files are, in the notes.

    Raises:
        DataError: there are too few pictures.
    """
    missing = []
    if "val" not in files:
        missing.append(("val", val_fraction))
        if "test" not in files and test_fraction is not None:
            missing.append(("test", test_fraction))
    if missing:
        by_key = {file.relative_to(base).as_posix(): file for file in files["train"]}
        if len(by_key) <= len(missing):
            raise DataError(f"{files['train'][0].parent} holds {len(by_key)} {things}: too few to cut a split from it")
        fractions = tuple(fraction for _, fraction in missing)
        dealt, how = None, ""
        if labels is not None:
            dealt, few = _by_class({name: labels[file] for name, file in by_key.items()}, fractions)
            how = ", class by class"
            if few and dealt is not None:
                notes.append(f"{base}{what}: too few {things} to cut from, all are in train: {listed(few)}.")
        if dealt is None:
            dealt, how = by_name(by_key, fractions), ""
        for (part, _), names in zip((*missing, ("train", 0)), dealt, strict=True):
            files[part] = [by_key[name] for name in names]
        cut = " and ".join(f"{part} ({len(files[part])})" for part, _ in missing)
        notes.append(f"{base}{what}: {cut} cut from {len(by_key)} {things} by the hash of the file name{how}.")
    if "test" not in files:
        notes.append(f"{base}{what}: there is no test part; val serves as test.")


def _by_class(label_of: Mapping[str, str], fractions: tuple[float, ...]) -> tuple[list[list[str]] | None, list[str]]:
    """`by_name` of each class, or None where that leaves a part empty; and the classes too small to be cut."""
    groups: dict[str, list[str]] = {}
    for name, label in label_of.items():
        groups.setdefault(label, []).append(name)
    place, few = {}, []
    for label, names in groups.items():
        if len(names) <= len(fractions):
            few.append(f"{label} ({len(names)})")
            place.update(dict.fromkeys(names, len(fractions)))
            continue
        for part, dealt in enumerate(by_name(names, fractions)):
            place.update(dict.fromkeys(dealt, part))
    if len(Counter(place.values())) <= len(fractions):
        return None, few
    return [[name for name in label_of if place[name] == part] for part in range(len(fractions) + 1)], few


def check_range(value: Sequence[float] | str | None) -> tuple[float, float] | None:
    """``data.range`` as two numbers; None for "auto" and for none.

    Raises:
        ConfigError: it is neither, or not ascending.
    """
    if value is None or value == "auto":
        return None
    low, high = (math.nan, math.nan) if isinstance(value, str) or len(value) != 2 else value
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"data.range={value}: give the values of black and white, as [0,4095], or auto")
    return float(low), float(high)


def ranged(
    crop: Crop, value: Sequence[float] | str | None, train: Sequence[Path], *, base: Path, notes: list[str]
) -> Crop:
    """`crop` with the range of ``data.range``; "auto" is the least and the greatest value of the training pictures."""
    found = check_range(value)
    if value == "auto":
        found = found_range(train, base=base)
        if found is None:
            notes.append(f"{base}: data.range=auto: no picture has more than 8 bits, so values stay as they are.")
        else:
            notes.append(f"{base}: data.range=auto: black is {found[0]:g}, white is {found[1]:g}.")
    return replace(crop, value_range=found)


def decode_parts(files: Files, crop: Crop, *, base: Path, skip_bad: bool) -> tuple[Decoded, dict[str, slice]]:
    """Decode all splits into one array, in which each is a slice (so that a mapped array stays on disk)."""
    got = decode([file for part in files.values() for file in part], crop, base=base, skip_bad=skip_bad)
    slices, seen, start = {}, 0, 0
    for part, found in files.items():
        count = int(np.count_nonzero(got.kept[seen : seen + len(found)]))
        if count == 0:
            raise DataError(f"{base}: no readable picture is left in {part}")
        slices[part] = slice(start, start + count * got.each)
        seen, start = seen + len(found), start + count * got.each
    return got, slices


def data_name(base: Path) -> str:
    """Name of the folder, fit for the name of another folder."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in base.resolve().name) or "pictures"
