"""Schemas of the data sources."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from genlab.config.schema.nodes import External, Positive, Seed, Target, Text

Resample = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]


def _ascending(value: object) -> object:
    numbers = value if isinstance(value, list) else []
    ascending = len(numbers) == 2 and all(type(each) in (int, float) and math.isfinite(each) for each in numbers)
    if value in (None, "auto") or (ascending and numbers[0] < numbers[1]):
        return value
    raise ValueError("give the values of black and white, as [0,4095], or auto")


Range = Annotated[Any, BeforeValidator(_ascending)]


class ExternalData(External):
    """A user's own data source."""

    batch_size: Positive


class Digits(Target):
    """`genlab.data.digits`."""

    batch_size: Positive


class Downloaded(Target):
    """The sets that are downloaded: MNIST, Fashion-MNIST, binarised MNIST, CIFAR-10."""

    root: Text | None
    download: bool
    batch_size: Positive


class CelebA(Target):
    """`genlab.data.celeba`."""

    root: Text | None
    size: Positive
    crop: Annotated[int, Field(gt=0, le=178)]
    label: Text | None
    skip_bad: bool
    batch_size: Positive


class Toy2D(Target):
    """`genlab.data.toy2d`."""

    name: Literal[
        "two_moons",
        "standard_moons",
        "eight_gaussians",
        "gaussian_mixture",
        "checkerboard",
        "pinwheel",
        "spirals",
        "rings",
        "circles",
        "swiss_roll",
    ]
    num_train: Positive
    num_val: Positive
    num_test: Positive
    seed: Seed
    batch_size: Positive


class Pictures(Target):
    """A user's own pictures. What has a default came later than some checkpoints: these say how they read theirs."""

    root: Text
    size: Positive
    channels: Literal[1, 3]
    resample: Resample = "bilinear"
    range: Range = None
    skip_bad: bool
    batch_size: Positive


class ImageFolder(Pictures):
    """`genlab.data.image_folder`."""

    stratify: bool = False
    sort: Literal["natural", "text"] = "text"


class Unpaired(Pictures):
    """`genlab.data.unpaired`."""

    augment: bool


class Paired(Unpaired):
    """`genlab.data.paired`."""

    direction: Literal["AtoB", "BtoA"]
    resample_target: Resample | None = None


class Arrays(Target):
    """`genlab.data.sources.arrays.arrays`."""

    root: Text
    kind: Literal["image", "vector", "tokens", "waveform", "frames", "video"]
    levels: Annotated[int, Field(ge=2, le=2**31)] | Literal["auto"] | None
    rate: Positive | None
    seed: Seed
    batch_size: Positive


class UnpairedDigits(Target):
    """`genlab.data.unpaired_digits`."""

    source: Literal["digits", "mnist", "fashion_mnist"]
    root: Text | None
    download: bool
    batch_size: Positive


TARGETS: dict[str, type[Target]] = {
    "genlab.data.arrays": Arrays,
    "genlab.data.digits": Digits,
    "genlab.data.mnist": Downloaded,
    "genlab.data.fashion_mnist": Downloaded,
    "genlab.data.binarized_mnist": Downloaded,
    "genlab.data.cifar10": Downloaded,
    "genlab.data.celeba": CelebA,
    "genlab.data.toy2d": Toy2D,
    "genlab.data.image_folder": ImageFolder,
    "genlab.data.unpaired": Unpaired,
    "genlab.data.unpaired_digits": UnpairedDigits,
    "genlab.data.paired": Paired,
}
