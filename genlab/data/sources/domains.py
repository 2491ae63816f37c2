"""A user's own pictures for translation: two unpaired domains, or pairs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from genlab.data.fetch.roots import existing_folder
from genlab.data.images.decode import as_tensor
from genlab.data.images.jitter import jitter_of
from genlab.data.images.layout import given_parts, inner_root, left_out, no_pictures
from genlab.data.images.parts import check_fraction, check_range, complete, data_name, decode_parts, ranged
from genlab.data.images.read import Crop, list_pictures
from genlab.data.sources.folder import FRACTION
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    import torch


def unpaired(
    *,
    root: str | os.PathLike[str],
    size: int = 64,
    channels: int = 3,
    resample: str = "bilinear",
    range: Sequence[float] | Literal["auto"] | None = None,
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


def paired(
    *,
    root: str | os.PathLike[str],
    size: int = 64,
    channels: int = 3,
    resample: str = "bilinear",
    resample_target: str | None = None,
    range: Sequence[float] | Literal["auto"] | None = None,
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
        resample: as for `image_folder`; "nearest" also in the random crops.
        resample_target: the same for what is wanted, ``x_b``; None: as `resample`. "nearest" for masks, label maps.
        range: as for `image_folder`.
        direction: "AtoB": the left half is given; "BtoA": the right half is given.
        augment: random crops and mirror images in training, the same for both halves, see `genlab.data.images.jitter`.
        skip_bad: as for `image_folder`.
        val_fraction: share of train that is cut off where there is no val.

    Raises:
        DataError: if a folder is missing or empty, or files are bad.
        ConfigError: if an argument is out of range.
    """
    if direction not in ("AtoB", "BtoA"):
        raise ConfigError(f"data.direction={direction}: give AtoB or BtoA")
    check_fraction("val_fraction", val_fraction)
    check_range(range)
    resamples = resample, resample_target or resample
    left, right = resamples if direction == "AtoB" else resamples[::-1]
    crop = Crop(size, channels, halves=True, resample=left, resample_right=right)
    base = existing_folder(root)
    parts = given_parts(base)
    if "train" not in parts:
        raise DataError(
            f"{base / 'train'} is missing: data=paired needs train/ (val/, test/) with A|B in one picture"
            f"{inner_root(base)}"
        )
    notes: list[str] = []
    files = {part: list_pictures(folder, deep=True) for part, folder in parts.items()}
    for part, found in files.items():
        if not found:
            raise no_pictures(parts[part])
    complete(files, base, notes, val_fraction=val_fraction, test_fraction=None)
    notes += left_out(base, [file for part in files.values() for file in part])
    crop = ranged(crop, range, files["train"], base=base, notes=notes)
    got, slices = decode_parts(files, crop, base=base, skip_bad=skip_bad)
    x = as_tensor(got.x)
    given, wanted = (0, 1) if direction == "AtoB" else (1, 0)
    splits = {part: Split(x[place, given], x_b=x[place, wanted]) for part, place in slices.items()}
    return Dataset(
        name=data_name(base),
        spec=DataSpec(crop.shape[1:], levels=256, layout="paired", value_range=crop.value_range),
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test", splits["val"]),
        train_transform=jitter_of(resamples[0]) if augment else None,
        train_transform_b=jitter_of(resamples[1]) if augment else None,
        notes=(*notes, *got.notes),
    )
