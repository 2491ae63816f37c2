"""A user's own recordings: a folder of files of sound, with classes and splits or without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from genlab.data.classes import class_notes
from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.roots import existing_folder
from genlab.data.images.decode import as_tensor
from genlab.data.images.layout import given_parts, left_out
from genlab.data.images.parts import complete, data_name
from genlab.data.sound import spoken
from genlab.data.sound.companding import Law
from genlab.data.sound.recordings import Pieces, common_rate, conversions, cut, survey
from genlab.data.sound.sound_files import MAX_RATE, list_recordings, need_extra
from genlab.data.sound.spoken import Label
from genlab.errors import ConfigError, DataError
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "recordings", "integers")
gives_with = {
    "label=digit": ("labels",),
    "label=speaker": ("labels",),
    "label=folder": ("labels",),
    "levels=2": ("binary",),
}
may_give = {"labels": "one folder per class"}

FRACTION = 0.1
"""Of the recordings that are validation, and as many test, where nothing says which are."""

MOST_LEVELS = 65536

Rate = Annotated[int, Field(gt=0, le=768000)]
Levels = Annotated[int, Field(ge=2, le=65536)]


def audio(
    *,
    root: Folder,
    rate: Rate | None = None,
    levels: Levels = 256,
    companding: Law = "mu-law",
    length: Positive | None = 4096,
    label: Label | None = "auto",
) -> Dataset:
    """Recordings of one folder and those below it, ``(N, 1, L)`` integer levels with lengths of their own.

    WAV is read by itself, FLAC and Ogg by the extra ``audio``. Several channels are mixed down, other rates resampled,
    files that cannot be read left out; notes say so with their number. Recordings are cut into pieces of at most
    ``length`` samples, of which the last is shorter, so that nothing is left out.

    With subfolders ``train/`` and, if there, ``val/`` and ``test/``, these are the splits. Of names as those of the
    free spoken digit dataset (``7_jackson_32.wav``), index 0 to 4 is test, as is official, and 5 to 9 validation.
    Otherwise each recording is dealt to a split by the hash of its name. Pieces of one recording are in one split.

    By the mu-law, a sample x in [-1, 1] has the level that is nearest to ``sign(x) ln(1 + mu |x|) / ln(1 + mu)``, with
    ``mu = levels - 1`` (ITU-T G.711; van den Oord et al., "WaveNet", 2016, https://arxiv.org/abs/1609.03499): quiet
    samples have the finer steps. Linear levels are all of one width; 65,536 of them are 16-bit samples as they are.

    Args:
        root: the folder.
        rate: samples a second; None: the rate that most files have.
        levels: number of integer values of a sample.
        companding: how they lie between -1 and 1.
        length: samples that a piece has at most; None: recordings are whole, and padded to the longest.
        label: the class: the folder, the digit or the speaker in the name; "auto": the digit in names as those of
            spoken digits, else the folder, if there is one per class; None: none.

    Raises:
        DataError: the folder is missing, or holds no recording that can be read; its files have not what `label` says.
        ConfigError: an argument is out of range.
    """
    _check(rate, levels, length)
    base = existing_folder(root, holds="the recordings")
    files = list_recordings(base)
    unread = left_out(base, files)
    if not files:
        there = f" (it holds {unread[0].partition('not read: ')[2].rstrip('.')})" if unread else ""
        raise DataError(f"{base} holds no recordings{there}: give the folder of .wav, .flac or .ogg files as data.root")
    need_extra(files, base)
    found = survey(files, base=base)
    notes = [*found.notes, *unread]
    parts, folders = _parts(list(found.facts), base)
    known = spoken.labels(list(found.facts), label, folders=folders, base=base)
    _dealt(parts, known, base, notes)
    rate = rate or common_rate(found.facts)
    notes += conversions(found.facts, rate=rate, base=base)
    facts = {file: found.facts[file] for each in parts.values() for file in each}
    pieces, space = cut(facts, rate=rate, levels=levels, law=companding, length=length, base=base)
    if len(pieces.x) > len(facts):
        notes.append(
            f"{base}: {len(facts):,} recordings ({pieces.lengths.sum() / rate:,.0f} s) are cut into {len(pieces.x):,} "
            f"pieces of at most {space.length:,} samples."
        )
    classes = spoken.classes(known)
    y = {part: torch.tensor([classes.index(known[file]) for file in each]) for part, each in parts.items() if known}
    if y:
        notes += [f"{base}: {note}" for note in class_notes(classes, y, things="recordings")]
    splits = _splits(pieces, {part: len(each) for part, each in parts.items()}, y)
    return Dataset(
        name=data_name(base),
        spec=DataSpec(space=space, num_classes=len(classes) or None, classes=classes or None),
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test", splits["val"]),
        notes=tuple(notes),
    )


def _check(rate: int | None, levels: int, length: int | None) -> None:
    if rate is not None and not 1 <= rate <= MAX_RATE:
        raise ConfigError(f"data.rate={rate}: give 1 to {MAX_RATE} samples a second, or null")
    if not 2 <= levels <= MOST_LEVELS:
        raise ConfigError(f"data.levels={levels}: give 2 to {MOST_LEVELS}")
    if length is not None and length < 1:
        raise ConfigError(f"data.length={length}: give a positive number of samples, or null")


def _parts(files: list[Path], base: Path) -> tuple[dict[str, list[Path]], dict[Path, str]]:
    """The files of each split that has a folder, all of them "train" where none has; and the folder that is a class.

    Raises:
        DataError: some recordings are in the folder of a split, and others, or those to train on, are not.
    """
    named = {folder.name: part for part, folder in given_parts(base).items()}
    parts: dict[str, list[Path]] = {}
    folders, outside = {}, []
    for file in files:
        above = file.relative_to(base).parts[:-1]
        part = named.get(above[0]) if above else None
        if part is None:
            outside.append(file)
        parts.setdefault(part or "train", []).append(file)
        inner = above if part is None else above[1:]
        folders[file] = inner[0] if inner else ""
    split = {part: file for part, file in parts.items() if part in named.values()}
    if len(outside) < len(files) and (outside or "train" not in split):
        names = ", ".join(f"{name}/" for name in named)
        raise DataError(
            f"{base} holds {names} beside other recordings, or without train/: put all recordings into train/, val/ "
            "and test/; if it is a class and no split, rename it"
        )
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}, folders


def _dealt(parts: dict[str, list[Path]], known: Mapping[Path, str], base: Path, notes: list[str]) -> None:
    """Fill in the splits that are missing."""
    official = spoken.official(parts["train"]) if parts.keys() == {"train"} else None
    if official is None:
        complete(
            parts, base, notes, val_fraction=FRACTION, test_fraction=FRACTION, labels=known or None, things="recordings"
        )
        return
    parts.update(official)
    notes.append(
        f"{base}: names are those of the free spoken digit dataset: index 0 to 4 is test ({len(parts['test']):,} "
        f"recordings, the official split), 5 to 9 is validation ({len(parts['val']):,})."
    )


def _splits(pieces: Pieces, recordings: Mapping[str, int], y: Mapping[str, torch.Tensor]) -> dict[str, Split]:
    """The pieces of so many recordings for each split, with the labels of these."""
    x, lengths = as_tensor(pieces.x), torch.from_numpy(pieces.lengths)
    splits, first, start = {}, 0, 0
    for part, count in recordings.items():
        each = torch.from_numpy(pieces.counts[first : first + count])
        stop = start + int(each.sum())
        labels = y[part].repeat_interleave(each) if part in y else None
        splits[part] = Split(x[start:stop], labels, lengths=lengths[start:stop])
        first, start = first + count, stop
    return splits
