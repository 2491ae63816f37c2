"""A user's own pictures: one folder, two unpaired domains, or pairs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from genlab.data.decode import Decoded, as_tensor, decode
from genlab.data.jitter import jitter
from genlab.data.pictures import Crop, list_pictures
from genlab.data.roots import existing_folder
from genlab.data.spec import Dataset, DataSpec, Split
from genlab.data.split import by_name
from genlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    import os
    from pathlib import Path

VAL_NAMES = ("val", "valid", "validation")
FRACTION = 0.1


def image_folder(
    *,
    root: str | os.PathLike[str],
    size: int = 64,
    channels: int = 3,
    skip_bad: bool = False,
    val_fraction: float = FRACTION,
    test_fraction: float = FRACTION,
) -> Dataset:
    """Pictures of one folder, ``(N, C, size, size)`` uint8; one subfolder per class gives labels.

    With subfolders ``train/`` and, if there, ``val/`` and ``test/``, these are the splits; what is missing is cut
    from train (a missing test is served by val, if that is there). Otherwise each file is dealt to a split by the
    hash of its name: new files move no old ones.

    Args:
        root: the folder.
        size: side of the result: the short side is resized to it, the centre is kept.
        channels: 3 (RGB) or 1 (grey).
        skip_bad: skip unreadable files and count them in the notes, instead of stopping.
        val_fraction: share of validation in what is dealt out.
        test_fraction: share of test in what is dealt out.

    Raises:
        DataError: if the folder is missing or empty, or files are bad.
        ConfigError: if an argument is out of range.
    """
    for name, value in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 < value < 0.5:
            raise ConfigError(f"data.{name}={value}: give a share above 0 and below 0.5")
    crop = Crop(size, channels)
    base = existing_folder(root)
    notes: list[str] = []
    if (base / "trainA").is_dir() and (base / "trainB").is_dir():
        raise DataError(
            f"{base} holds trainA and trainB: read it with data=unpaired, or give one of the two as data.root"
        )
    parts = _given_parts(base)
    if "train" in parts:
        tree = {part: _classes(folder, notes) for part, folder in parts.items()}
    else:
        tree = {"train": _classes(base, notes)}
    files = {part: [file for _, found in classes for file in found] for part, classes in tree.items()}
    for part, found in files.items():
        if not found:
            raise DataError(f"{parts.get(part, base)} holds no pictures: give the folder that holds them as data.root")
    labels = {file: label or "" for tree_classes in tree.values() for label, found in tree_classes for file in found}
    _complete(files, base, notes, val_fraction=val_fraction, test_fraction=test_fraction)
    names = sorted(set(labels.values()) - {""})
    classes = {name: index for index, name in enumerate(names)} if len(names) > 1 else {}
    if classes and "" in labels.values():
        raise DataError(f"{base}: some splits have class folders and some have not; give all of them the same classes")

    got, slices = _decode_parts(files, crop, base=base, skip_bad=skip_bad)
    notes += got.notes
    x = as_tensor(got.x)
    order = [file for part in files.values() for file in part]
    y = None
    if classes:
        kept = [classes[labels[file]] for file, keep in zip(order, got.kept, strict=True) if keep]
        y = torch.tensor(kept, dtype=torch.int64)
    splits = {part: Split(x[place], None if y is None else y[place]) for part, place in slices.items()}
    return Dataset(
        name=_data_name(base),
        spec=DataSpec(crop.shape, levels=256, num_classes=len(classes) or None),
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test", splits["val"]),
        notes=tuple(notes),
    )


def unpaired(
    *,
    root: str | os.PathLike[str],
    size: int = 64,
    channels: int = 3,
    augment: bool = True,
    skip_bad: bool = False,
    val_fraction: float = FRACTION,
) -> Dataset:
    """Two domains without correspondence, the folders of CycleGAN: ``trainA trainB testA testB``.

    J.-Y. Zhu, T. Park, P. Isola, A. Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
    Networks", ICCV 2017, https://arxiv.org/abs/1703.10593. ``x`` is domain A ``(N, C, size, size)`` uint8, ``x_b``
    domain B ``(M, C, size, size)``. Validation is ``valA valB`` if there, else cut from train by the hash of the
    file name; where test is absent, validation serves and the notes say so.

    Args:
        root: the folder of the four.
        size: as for `image_folder`.
        channels: as for `image_folder`.
        augment: random crops and mirror images in training, see `genlab.data.jitter`.
        skip_bad: as for `image_folder`.
        val_fraction: share of each training folder that is cut off.

    Raises:
        DataError: if a folder is missing or empty, or files are bad.
        ConfigError: if an argument is out of range.
    """
    if not 0 < val_fraction < 0.5:
        raise ConfigError(f"data.val_fraction={val_fraction}: give a share above 0 and below 0.5")
    crop = Crop(size, channels)
    base = existing_folder(root)
    notes: list[str] = []
    domains: dict[str, dict[str, torch.Tensor]] = {}
    for domain in "AB":
        files = {}
        for part in ("train", "val", "test"):
            folder = base / f"{part}{domain}"
            if folder.is_dir():
                files[part] = list_pictures(folder, deep=True)
                if not files[part]:
                    raise DataError(f"{folder} holds no pictures")
        if "train" not in files:
            folder = base / f"train{domain}"
            raise DataError(f"{folder} is missing: data=unpaired needs trainA and trainB (and testA, testB)")
        _complete(files, base, notes, val_fraction=val_fraction, test_fraction=None, what=f", domain {domain}")
        got, slices = _decode_parts(files, crop, base=base, skip_bad=skip_bad)
        notes += got.notes
        domains[domain] = {part: as_tensor(got.x[place]) for part, place in slices.items()}
    if domains["A"].keys() != domains["B"].keys():
        raise DataError(f"{base}: testA and testB must both be there, or neither")

    def split(part: str) -> Split:
        return Split(domains["A"][part], x_b=domains["B"][part])

    return Dataset(
        name=_data_name(base),
        spec=DataSpec(crop.shape, levels=256, layout="unpaired"),
        train=split("train"),
        val=split("val"),
        test=split("test" if "test" in domains["A"] else "val"),
        train_transform=jitter if augment else None,
        notes=tuple(notes),
    )


def paired(
    *,
    root: str | os.PathLike[str],
    size: int = 64,
    channels: int = 3,
    direction: Literal["AtoB", "BtoA"] = "AtoB",
    augment: bool = True,
    skip_bad: bool = False,
    val_fraction: float = FRACTION,
) -> Dataset:
    """Pairs A|B side by side in one picture, as pix2pix has them, in ``train/ [val/] [test/]``.

    P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR
    2017, https://arxiv.org/abs/1611.07004. ``x`` is what is given, ``x_b`` what is wanted, both
    ``(N, C, size, size)`` uint8. Where val is absent it is cut from train by the hash of the file name; where test
    is absent val serves, and the notes say so.

    Args:
        root: the folder of ``train``.
        size: side of each half's result.
        channels: as for `image_folder`.
        direction: "AtoB": the left half is given; "BtoA": the right half is given.
        augment: random crops and mirror images in training, the same for both halves, see `genlab.data.jitter`.
        skip_bad: as for `image_folder`.
        val_fraction: share of train that is cut off where there is no val.

    Raises:
        DataError: if a folder is missing or empty, or files are bad.
        ConfigError: if an argument is out of range.
    """
    if direction not in ("AtoB", "BtoA"):
        raise ConfigError(f"data.direction={direction}: give AtoB or BtoA")
    if not 0 < val_fraction < 0.5:
        raise ConfigError(f"data.val_fraction={val_fraction}: give a share above 0 and below 0.5")
    crop = Crop(size, channels, halves=True)
    base = existing_folder(root)
    parts = _given_parts(base)
    if "train" not in parts:
        raise DataError(f"{base / 'train'} is missing: data=paired needs train/ (val/, test/) with A|B in one picture")
    notes: list[str] = []
    files = {part: list_pictures(folder, deep=True) for part, folder in parts.items()}
    for part, found in files.items():
        if not found:
            raise DataError(f"{parts[part]} holds no pictures")
    _complete(files, base, notes, val_fraction=val_fraction, test_fraction=None)
    got, slices = _decode_parts(files, crop, base=base, skip_bad=skip_bad)
    x = as_tensor(got.x)
    given, wanted = (0, 1) if direction == "AtoB" else (1, 0)
    splits = {part: Split(x[place, given], x_b=x[place, wanted]) for part, place in slices.items()}
    return Dataset(
        name=_data_name(base),
        spec=DataSpec(crop.shape[1:], levels=256, layout="paired"),
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test", splits["val"]),
        train_transform=jitter if augment else None,
        notes=(*notes, *got.notes),
    )


def _given_parts(base: Path) -> dict[str, Path]:
    """The folders of the splits that are there, by their usual names."""
    parts = {}
    for part, names in (("train", ("train",)), ("val", VAL_NAMES), ("test", ("test",))):
        for name in names:
            if (base / name).is_dir():
                parts[part] = base / name
                break
    return parts


def _classes(folder: Path, notes: list[str]) -> list[tuple[str | None, list[Path]]]:
    """``(class name or None, files)``: the pictures of the folder itself or, if it has none, of its subfolders."""
    flat = list_pictures(folder)
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if flat:
        if subfolders:
            notes.append(f"{folder}: its own pictures are used, those of its {len(subfolders)} subfolders are not.")
        return [(None, flat)]
    found = [(path.name, list_pictures(path, deep=True)) for path in subfolders]
    return [(name, files) for name, files in found if files]


def _complete(
    files: dict[str, list[Path]],
    base: Path,
    notes: list[str],
    *,
    val_fraction: float,
    test_fraction: float | None,
    what: str = "",
) -> None:
    """Cut the splits that are missing from train; with `test_fraction` None, test is never cut but left out."""
    missing = []
    if "val" not in files:
        missing.append(("val", val_fraction))
        if "test" not in files and test_fraction is not None:
            missing.append(("test", test_fraction))
    if missing:
        by_key = {file.relative_to(base).as_posix(): file for file in files["train"]}
        if len(by_key) <= len(missing):
            raise DataError(f"{files['train'][0].parent} holds {len(by_key)} pictures: too few to cut a split from it")
        dealt = by_name(by_key, tuple(fraction for _, fraction in missing))
        for (part, _), names in zip((*missing, ("train", 0)), dealt, strict=True):
            files[part] = [by_key[name] for name in names]
        cut = " and ".join(f"{part} ({len(files[part])})" for part, _ in missing)
        notes.append(f"{base}{what}: {cut} cut from {len(by_key)} pictures by the hash of the file name.")
    if "test" not in files:
        notes.append(f"{base}{what}: there is no test part; val serves as test.")


def _decode_parts(
    files: dict[str, list[Path]], crop: Crop, *, base: Path, skip_bad: bool
) -> tuple[Decoded, dict[str, slice]]:
    """Decode all splits into one array, in which each is a slice (so that a mapped array stays on disk)."""
    got = decode([file for part in files.values() for file in part], crop, base=base, skip_bad=skip_bad)
    slices, seen, start = {}, 0, 0
    for part, found in files.items():
        count = int(np.count_nonzero(got.kept[seen : seen + len(found)]))
        if count == 0:
            raise DataError(f"{base}: no readable picture is left in {part}")
        slices[part] = slice(start, start + count)
        seen, start = seen + len(found), start + count
    return got, slices


def _data_name(base: Path) -> str:
    """Name of the folder, fit for the name of another folder."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in base.resolve().name) or "pictures"
