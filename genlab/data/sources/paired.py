"""A user's own pictures for translation: pairs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.fetch.roots import existing_folder
from genlab.data.images.decode import as_tensor
from genlab.data.images.jitter import jitter_of
from genlab.data.images.layout import given_parts, inner_root, left_out, no_pictures
from genlab.data.images.parts import check_fraction, check_range, complete, data_name, decode_parts, ranged
from genlab.data.images.read import Crop, Resample, list_pictures
from genlab.errors import ConfigError, DataError
from genlab.signatures.ranges import Folder, Positive, Range, Share

if TYPE_CHECKING:
    pass


gives = ("pairs", "image", "integers")


def paired(
    *,
    root: Folder,
    size: Positive = 64,
    channels: Literal[1, 3] = 3,
    resample: Resample = "bilinear",
    resample_target: Resample | None = None,
    range: Range = None,
    direction: Literal["AtoB", "BtoA"] = "AtoB",
    augment: bool = True,
    skip_bad: bool = False,
    val_fraction: Share = 0.1,
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
