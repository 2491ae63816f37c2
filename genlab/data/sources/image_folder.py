"""A user's own pictures: one folder, with classes and splits or without."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from genlab.data.classes import class_notes, natural
from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.roots import existing_folder
from genlab.data.images.decode import as_tensor
from genlab.data.images.layout import left_out, no_pictures, tree
from genlab.data.images.parts import check_fraction, check_range, complete, data_name, decode_parts, ranged
from genlab.data.images.random_crops import Patches
from genlab.data.images.read import Crop, Resample
from genlab.errors import DataError
from genlab.signatures.ranges import Folder, Positive, Range, Seed, Share

gives = ("one set", "image", "integers")
may_give = {"labels": "one folder per class"}


def image_folder(
    *,
    root: Folder,
    size: Positive = 64,
    channels: Literal[1, 3] = 3,
    resample: Resample = "bilinear",
    range: Range = None,
    patches: Positive | None = None,
    patch_seed: Seed = 0,
    stratify: bool = False,
    sort: Literal["natural", "text"] = "text",
    skip_bad: bool = False,
    val_fraction: Share = 0.1,
    test_fraction: Share = 0.1,
) -> Dataset:
    """Pictures of one folder, ``(N, C, size, size)`` uint8; one subfolder per class gives labels and their names.

    With subfolders ``train/`` and, if there, ``val/`` and ``test/`` (also ``Training``, ``valid``, ``dev``,
    ``testing`` and the like, see `genlab.data.images.layout`), these are the splits; what is missing is cut from train
    (a missing test is served by val, if that is there). Otherwise each file is dealt to a split by the hash of its
    name: new files move no old ones.

    With `patches` an example is a square of a picture, cut at a random place, and all squares of a picture are in one
    split: validation and test are of pictures that were not trained on.

    The defaults of `stratify` and `sort` are what runs of before these settings had; new runs record theirs.

    Args:
        root: the folder.
        size: side of the result: the short side is resized to it, the centre is kept.
        channels: 3 (RGB) or 1 (grey).
        resample: how pixels are resized (`genlab.data.images.read.RESAMPLE`); "nearest" makes no new values.
        range: of pictures with more than 8 bits, the values that become black and white; None: 0 and 65535; "auto":
            the least and greatest value of the training pictures, which the data's type then records.
        patches: how many squares of size x size pixels are cut from each picture as it is, at random places, all others
            where it has enough; nothing is resized. None: the picture itself, resized.
        patch_seed: of these places; a picture's own depend on its name and this alone.
        stratify: cut each class for itself, so that every split has pictures of it, as far as there are enough.
        sort: the order of the class names: "natural" (2 before 10) or "text".
        skip_bad: skip unreadable files and count them in the notes, instead of stopping.
        val_fraction: share of validation in what is dealt out.
        test_fraction: share of test in what is dealt out.

    Raises:
        DataError: if the folder is missing or empty, files are bad, or it is ambiguous which folders are splits.
        ConfigError: if an argument is out of range.
    """
    check_fraction("val_fraction", val_fraction)
    check_fraction("test_fraction", test_fraction)
    crop, _ = Crop(size, channels, resample=resample), check_range(range)
    if patches is not None:
        crop = Patches(size, channels, count=patches, seed=patch_seed)
    base = existing_folder(root)
    notes: list[str] = []
    found = tree(base, notes)
    files = {part: [file for _, each in classes for file in each] for part, classes in found.items()}
    for each in files.values():
        if not each:
            raise no_pictures(base)
    labels = {file: label or "" for classes in found.values() for label, each in classes for file in each}
    order = _classes(set(labels.values()), base, sort=sort)
    complete(
        files,
        base,
        notes,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        labels=labels if stratify and order else None,
    )
    notes += left_out(base, labels)
    crop = ranged(crop, range, files["train"], base=base, notes=notes)
    got, slices = decode_parts(files, crop, base=base, skip_bad=skip_bad)
    notes += got.notes
    if patches is not None:
        notes.append(f"{base}: {patches:,} patches of {size}x{size} pixels of each picture; its split has all of them.")
    x = as_tensor(got.x)
    y = None
    if order:
        index = {name: i for i, name in enumerate(order)}
        listed = [file for part in files.values() for file in part]
        kept = [index[labels[file]] for file, keep in zip(listed, got.kept, strict=True) if keep]
        y = torch.tensor(kept, dtype=torch.int64).repeat_interleave(got.each)
        given: dict[str, torch.Tensor] = {part: y[slices[part]] for part in ("train", "val", "test") if part in slices}
        notes += [f"{base}: {note}" for note in class_notes(order, given)]
    splits = {part: Split(x[place], None if y is None else y[place]) for part, place in slices.items()}
    return Dataset(
        name=data_name(base),
        spec=DataSpec(
            crop.shape,
            levels=256,
            num_classes=len(order) or None,
            classes=tuple(order) or None,
            value_range=crop.value_range,
        ),
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test", splits["val"]),
        notes=tuple(notes),
    )


def _classes(labels: set[str], base: Path, *, sort: str) -> list[str]:
    """The names of the classes in their order; none, if there are not two.

    Raises:
        DataError: of some files no class is known.
    """
    names = labels - {""}
    if len(names) < 2:
        return []
    if "" in labels:
        raise DataError(f"{base}: some splits have class folders and some have not; give all of them the same classes")
    return natural(names) if sort == "natural" else sorted(names)
