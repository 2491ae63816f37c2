"""CelebA, aligned and cropped; whole or in part."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field

from genlab.data.classes import class_notes
from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.download import verify
from genlab.data.fetch.roots import data_root, is_writable
from genlab.data.fetch.unpack import unpack_zip
from genlab.data.images.decode import as_tensor, decode
from genlab.data.images.read import Crop, list_pictures
from genlab.data.split import name_hash
from genlab.errors import ConfigError, DataError
from genlab.files import foreign
from genlab.signatures.ranges import Folder, Positive, Text

if TYPE_CHECKING:
    from pathlib import Path

gives = ("one set", "image", "integers")
gives_with = {"label": ("labels",)}

PICTURES = "img_align_celeba"
PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PARTS = ("train", "val", "test")
WHOLE = 202_599  # pictures, hence rows, of the whole set


def celeba(
    *,
    root: Folder | None = None,
    size: Positive = 64,
    crop: Annotated[int, Field(gt=0, le=178)] = 148,
    label: Text | None = None,
    skip_bad: bool = False,
    val_size: Positive | None = None,
) -> Dataset:
    """CelebA: ``(N, 3, size, size)`` uint8 RGB, from the aligned 178x218 pictures.

    Z. Liu, P. Luo, X. Wang, X. Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015,
    https://arxiv.org/abs/1411.7766. The licence (non-commercial research) and the host leave the download to you.

    The official partition is used where it gives the pictures at hand a val and a test part. Otherwise (a part of
    the data set) they are split by identity, so that nobody is in two splits, or, without the identities, by
    index; the notes say which.

    Args:
        root: folder that holds ``celeba/img_align_celeba/*.jpg`` (or ``celeba/img_align_celeba.zip``) and, if wanted,
            ``list_eval_partition.txt``, ``identity_CelebA.txt``, ``list_attr_celeba.txt``; None: ``$GENLAB_DATA`` or
            ``~/.cache/genlab``.
        size: side of the result.
        crop: side of the central square that is cut out before resizing (antialiased, bilinear).
        label: an attribute such as "Male", to give the labels ``not_Male`` and ``Male``.
        skip_bad: skip unreadable pictures and count them in the notes.
        val_size: least number of pictures in val, and in test, where the official partition does not serve; None:
            a tenth each.

    Raises:
        DataError: if files are missing (it says which, from where, into which folder) or bad.
        ConfigError: if an argument is out of range, or `label` is no attribute.
    """
    settings = Crop(size, 3, crop=crop)
    base = data_root(root, need=f"celeba/{PICTURES}.zip from {PAGE}") / "celeba"
    files = _pictures(base)
    names = [file.name for file in files]
    values = _attribute(base, label) if label is not None else None
    splits, notes = _split(base, names, val_size)
    order = [index for part in splits for index in part]
    got = decode([files[i] for i in order], settings, base=base, skip_bad=skip_bad)
    x = as_tensor(got.x)
    parts, seen, start = [], 0, 0
    for part, indices in zip(PARTS, splits, strict=True):
        here = [i for i, keep in zip(indices, got.kept[seen : seen + len(indices)], strict=True) if keep]
        if not here:
            raise DataError(f"{base}: no readable picture is left in {part}")
        y = None
        if values is not None:
            missing = [names[i] for i in here if names[i] not in values]
            if missing:
                listed = base / "list_attr_celeba.txt"
                raise DataError(f"{listed} lacks {missing[0]} ({len(missing)} in all): put the whole list there")
            y = torch.tensor([values[names[i]] for i in here], dtype=torch.int64)
        parts.append(Split(x[start : start + len(here)], y))
        seen, start = seen + len(indices), start + len(here)
    spec = DataSpec((3, size, size), levels=256)
    if label is not None:
        classes = f"not_{label}", label
        spec = replace(spec, num_classes=2, classes=classes)
        labels = {part: split.y for part, split in zip(PARTS, parts, strict=True) if split.y is not None}
        notes = [*notes, *(f"{base}: {note}" for note in class_notes(classes, labels))]
    return Dataset(
        name="celeba",
        spec=spec,
        train=parts[0],
        val=parts[1],
        test=parts[2],
        notes=(*notes, *got.notes),
    )


def _pictures(base: Path) -> list[Path]:
    folder, archive = base / PICTURES, base / f"{PICTURES}.zip"
    if not folder.is_dir() and archive.is_file():
        if not is_writable(base):
            raise DataError(f"{archive} is packed and its folder read-only: unpack it into {folder}")
        unpack_zip(archive, folder, inner=PICTURES)
    files = list_pictures(folder) if folder.is_dir() else []
    if not files:
        raise DataError(
            f"{folder} holds no pictures: get {PICTURES}.zip (Align&Cropped Images) and, for splits and labels, "
            f"list_eval_partition.txt, identity_CelebA.txt and list_attr_celeba.txt from {PAGE}, put them into {base}"
        )
    return files


def _split(base: Path, names: list[str], val_size: int | None) -> tuple[list[list[int]], list[str]]:
    """Indices of train, val and test, and what to say about them."""
    listed = base / "list_eval_partition.txt"
    if listed.is_file():
        partition = _table(listed)
        parts = [[i for i, name in enumerate(names) if partition.get(name) == str(part)] for part in range(3)]
        if all(parts):
            rest = len(names) - sum(map(len, parts))
            return parts, [f"{base}: {rest} pictures are in no part of {listed.name} and left out."] if rest else []
        why = f"{listed.name} holds no val or no test part for these {len(names)} pictures"
    else:
        why = f"{listed.name} is missing"
    num = val_size if val_size is not None else max(1, len(names) // 10)
    if num < 1 or 2 * num >= len(names):
        raise ConfigError(f"data.val_size={num}: val and test take that many each of {len(names)} pictures, no more")
    identities = base / "identity_CelebA.txt"
    if identities.is_file():
        table = _table(identities)
        groups: dict[str, list[int]] = {}
        for i, name in enumerate(names):
            groups.setdefault(table.get(name, name), []).append(i)
        dealt: tuple[list[int], list[int], list[int]] = ([], [], [])
        for person in sorted(groups, key=lambda person: (name_hash(person), person)):
            place = 2 if len(dealt[2]) < num else 1 if len(dealt[1]) < num else 0
            dealt[place].extend(groups[person])
        parts, how = [sorted(part) for part in dealt], "by identity (nobody is in two splits)"
        if not all(parts):
            raise DataError(f"{base}: too few identities to split by; give a smaller data.val_size or more pictures")
    else:
        n = len(names)
        parts = [list(range(n - 2 * num)), list(range(n - 2 * num, n - num)), list(range(n - num, n))]
        how = "by index"
    counts = " / ".join(str(len(part)) for part in parts)
    return parts, [f"{base}: {why}; split {how} into {counts}: figures do not compare with published ones."]


def _table(path: Path) -> dict[str, str]:
    """First two columns of a text file of blanks-separated rows."""
    return {row[0]: row[1] for row in map(str.split, _lines(path)) if len(row) >= 2}


def _attribute(base: Path, label: str) -> dict[str, int]:
    """File name -> 0 or 1."""
    path = base / "list_attr_celeba.txt"
    if not path.is_file():
        raise DataError(f"{path} is missing: data.label={label} needs it; get it from {PAGE}")
    lines = _lines(path)
    names = lines[1].split() if len(lines) > 1 else []
    if label not in names:
        near = difflib.get_close_matches(label, names, n=3) or names[:5]
        raise ConfigError(f"data.label={label} is no attribute of CelebA: {', '.join(near)} are")
    column = names.index(label) + 1
    values = {}
    for number, row in enumerate(map(str.split, lines[2:]), start=3):
        if not row:
            continue
        if len(row) != len(names) + 1 or row[column] not in ("-1", "1"):
            raise DataError(f"{path}, line {number}: expected a file name and {len(names)} values -1 or 1")
        values[row[0]] = int(row[column] == "1")
    return values


def _lines(path: Path) -> list[str]:
    try:
        lines = foreign.read_text(path, links=True).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}): put the original file there") from error
    if len(lines) >= WHOLE:
        verify(path, md5=_md5(path.name))
    return lines


def _md5(name: str) -> str:
    """Of a whole list, as torchvision knows it; of a part of the data set nothing is known."""
    from torchvision.datasets import CelebA

    return next(md5 for _, md5, listed in CelebA.file_list if listed == name)
