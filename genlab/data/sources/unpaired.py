"""A user's own pictures for translation: two unpaired domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.roots import existing_folder
from genlab.data.images.decode import as_tensor
from genlab.data.images.jitter import jitter_of
from genlab.data.images.layout import given_parts, inner_root, left_out, no_pictures
from genlab.data.images.parts import check_fraction, check_range, complete, data_name, decode_parts, ranged
from genlab.data.images.read import Crop, Resample, list_pictures
from genlab.errors import DataError
from genlab.signatures.ranges import Folder, Positive, Range, Share

if TYPE_CHECKING:
    from pathlib import Path

    import torch


gives = ("unpaired", "image", "integers")


def unpaired(
    *,
    root: Folder,
    size: Positive = 64,
    channels: Literal[1, 3] = 3,
    resample: Resample = "bilinear",
    range: Range = None,
    augment: bool = True,
    skip_bad: bool = False,
    val_fraction: Share = 0.1,
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
        resample: as for `image_folder`; "nearest" also in the random crops.
        range: as for `image_folder`; "auto" looks at trainA and trainB together.
        augment: random crops and mirror images in training, see `genlab.data.images.jitter`.
        skip_bad: as for `image_folder`.
        val_fraction: share of each training folder that is cut off.

    Raises:
        DataError: if a folder is missing or empty, or files are bad.
        ConfigError: if an argument is out of range.
    """
    check_fraction("val_fraction", val_fraction)
    crop, _ = Crop(size, channels, resample=resample), check_range(range)
    base = existing_folder(root)
    notes: list[str] = []
    parts = given_parts(base, domains=True)
    files: dict[str, dict[str, list[Path]]] = {"A": {}, "B": {}}
    for name, folder in parts.items():
        files[name[-1]][name[:-1]] = found = list_pictures(folder, deep=True)
        if not found:
            raise no_pictures(folder)
    for domain, each in files.items():
        if "train" not in each:
            raise DataError(
                f"{base / f'train{domain}'} is missing: data=unpaired needs trainA and trainB (and testA, testB)"
                f"{inner_root(base, domains=True)}"
            )
        complete(each, base, notes, val_fraction=val_fraction, test_fraction=None, what=f", domain {domain}")
    if files["A"].keys() != files["B"].keys():
        raise DataError(f"{base}: testA and testB must both be there, or neither")
    notes += left_out(base, [file for each in files.values() for part in each.values() for file in part])
    crop = ranged(crop, range, [*files["A"]["train"], *files["B"]["train"]], base=base, notes=notes)
    domains: dict[str, dict[str, torch.Tensor]] = {}
    for domain, each in files.items():
        got, slices = decode_parts(each, crop, base=base, skip_bad=skip_bad)
        notes += got.notes
        domains[domain] = {part: as_tensor(got.x[place]) for part, place in slices.items()}

    def split(part: str) -> Split:
        return Split(domains["A"][part], x_b=domains["B"][part])

    return Dataset(
        name=data_name(base),
        spec=DataSpec(crop.shape, levels=256, layout="unpaired", value_range=crop.value_range),
        train=split("train"),
        val=split("val"),
        test=split("test" if "test" in domains["A"] else "val"),
        train_transform=jitter_of(resample) if augment else None,
        notes=tuple(notes),
    )
