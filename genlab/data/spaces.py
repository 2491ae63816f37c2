"""What one example is: a closed set of frozen types, and what its likelihood is divided by.

A model asks a space for its shape, its levels and its unit. Only renderers and the choice of default networks ask which
space it is, by ``match`` or `functools.singledispatch`.
"""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from genlab.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from genlab.data.dataset import SEEN_SEED as SEEN_SEED
    from genlab.data.dataset import Dataset as Dataset
    from genlab.data.dataset import DataSpec as DataSpec
    from genlab.data.dataset import Layout as Layout
    from genlab.data.dataset import Split as Split


@dataclass(frozen=True)
class Unit:
    """What a likelihood is divided by and called.

    Attributes:
        name: of the quotient, "bits/dim".
        count: how many of them an example has; of a ragged space the longest example.
        nats: whether the quotient stays in nats: its natural size where values are real, or a step has many values.
    """

    name: str
    count: float
    nats: bool = False

    @property
    def scale(self) -> float:
        """What nats of an example are multiplied by."""
        return 1.0 / (self.count * (1.0 if self.nats else math.log(2)))


class _Space(ABC):
    kind: ClassVar[str]
    values: ClassVar[str] = "numbers"

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one example; of the longest one where the space is ragged."""

    @property
    def dim(self) -> int:
        """Number of values of an example."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        """What examples and samples consist of: float32, or the smallest integers that hold all levels."""
        import torch

        levels: int | None = getattr(self, "levels", None)
        if levels is None:
            return torch.float32
        return next(
            kind for top, kind in ((256, torch.uint8), (2**15, torch.int16), (2**31, torch.int32)) if levels <= top
        )

    @property
    def unit(self) -> Unit:
        """What a likelihood is divided by."""
        return Unit("bits/dim", self.dim)


class _Fixed(_Space):
    ragged: ClassVar[bool] = False


@dataclass(frozen=True)
class Image(_Fixed):
    """A picture ``(C, H, W)``."""

    channels: int
    height: int
    width: int
    levels: int | None

    kind = "image"
    values = "pixels"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(C, H, W)``."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Vector(_Fixed):
    """``(D,)`` numbers, real or of integer levels."""

    dimensions: int
    levels: int | None = None

    kind = "vector"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(D,)``."""
        return (self.dimensions,)


@dataclass(frozen=True)
class Table(_Fixed):
    """A row ``(D,) float32``: a column of categories holds their index.

    Attributes:
        columns: names.
        categories: number of categories of each column, None of a column of real numbers.
    """

    columns: tuple[str, ...]
    categories: tuple[int | None, ...]

    kind = "table"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(D,)``."""
        return (len(self.columns),)

    @property
    def levels(self) -> int | None:
        """None: columns are of several kinds."""
        return None

    @property
    def unit(self) -> Unit:
        """A row is one thing: its columns are not alike."""
        return Unit("nats/row", 1, nats=True)


@dataclass(frozen=True)
class Tokens(_Space):
    """``(L,)`` numbers of a vocabulary, each of which stands for so many ``characters`` on average."""

    length: int
    vocabulary: int
    ragged: bool = False
    characters: float = 1.0

    kind = "tokens"
    values = "tokens"

    @property
    def levels(self) -> int | None:
        """Of each token."""
        return self.vocabulary

    @property
    def shape(self) -> tuple[int, ...]:
        """``(L,)``."""
        return (self.length,)

    @property
    def unit(self) -> Unit:
        """Bits per character, whatever the tokens are: vocabularies can be compared."""
        return Unit("bits/character", self.length * self.characters)


@dataclass(frozen=True)
class Waveform(_Fixed):
    """``(C, L)`` samples of sound; ``rate`` of them a second, None where it is not known."""

    length: int
    channels: int = 1
    levels: int | None = None
    rate: int | None = None

    kind = "waveform"
    values = "samples"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(C, L)``."""
        return self.channels, self.length

    @property
    def unit(self) -> Unit:
        """Bits per sample of a channel."""
        return Unit("bits/sample", self.dim)


@dataclass(frozen=True)
class Frames(_Space):
    """``(L, W)``: a sequence of vectors, such as a piano roll (88 keys, two levels)."""

    length: int
    width: int
    levels: int | None
    ragged: bool = True

    kind = "frames"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(L, W)``."""
        return self.length, self.width

    @property
    def unit(self) -> Unit:
        """Nats per frame, as the literature of piano rolls has it."""
        return Unit("nats/frame", self.length, nats=True)


@dataclass(frozen=True)
class Video(_Fixed):
    """``(F, C, H, W)``: a fixed number of pictures in order."""

    frames: int
    channels: int
    height: int
    width: int
    levels: int | None

    kind = "video"
    values = "pixels"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(F, C, H, W)``."""
        return self.frames, self.channels, self.height, self.width

    @property
    def image(self) -> Image:
        """The space of one picture."""
        return Image(self.channels, self.height, self.width, self.levels)


@dataclass(frozen=True)
class Label(_Fixed):
    """One of ``num_classes``: a condition, never data. A batch of them is ``(B,) int64``."""

    num_classes: int
    names: tuple[str, ...] | None = None

    kind = "label"

    @property
    def levels(self) -> int | None:
        """As many as classes."""
        return self.num_classes

    @property
    def shape(self) -> tuple[int, ...]:
        """A single number."""
        return ()

    @property
    def dtype(self) -> torch.dtype:
        """int64, as an index has it."""
        import torch

        return torch.int64


Space = Image | Vector | Table | Tokens | Waveform | Frames | Video | Label
"""Any of them: ``kind`` and ``values`` are words for messages, ``levels`` the number of integer values, None where they
are real, ``ragged`` whether examples have lengths of their own (a tensor holds them padded with 0 at the end)."""


def of_shape(shape: tuple[int, ...], levels: int | None) -> Space:
    """The space that a shape alone stands for: three numbers an image, one a vector.

    Raises:
        ConfigError: another number of numbers, which could be several things.
    """
    match shape:
        case (channels, height, width):
            return Image(channels, height, width, levels)
        case (dimensions,):
            return Vector(dimensions, levels)
    raise ConfigError(f"examples of shape {shape}: one number is a vector, three are an image; else name the space")


def of_levels(space: Space, levels: int | None) -> Space:
    """The same space with another number of integer values; None: real."""
    return replace(space, levels=levels)  # type: ignore[arg-type]


def __getattr__(name: str) -> object:
    if name in ("DataSpec", "Dataset", "Layout", "SEEN_SEED", "Split"):  # this module's before
        return getattr(importlib.import_module("genlab.data.dataset"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
