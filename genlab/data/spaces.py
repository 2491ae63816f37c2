"""What one example is: a closed set of frozen types, and what its likelihood is divided by.

A model asks a space for its shape, its levels and its unit. Only renderers and the choice of default networks ask which
space it is, by ``match`` or `functools.singledispatch`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeGuard

from genlab.data.base_space import AnySpace, Fixed
from genlab.data.base_space import Unit as Unit
from genlab.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from genlab.data.dataset import SEEN_SEED as SEEN_SEED
    from genlab.data.dataset import Dataset as Dataset
    from genlab.data.dataset import DataSpec as DataSpec
    from genlab.data.dataset import Layout as Layout
    from genlab.data.dataset import Split as Split


@dataclass(frozen=True)
class Image(Fixed):
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
class Vector(Fixed):
    """``(D,)`` numbers, real or of integer levels."""

    dimensions: int
    levels: int | None = None

    kind = "vector"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(D,)``."""
        return (self.dimensions,)


@dataclass(frozen=True)
class Table(Fixed):
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
class Tokens(AnySpace):
    """``(L,)`` numbers of a vocabulary.

    Attributes:
        length: L; of the longest example where they are ragged.
        vocabulary: how many there are.
        ragged: whether examples have lengths of their own.
        characters: that a token stands for on average, where `symbols` do not say it of each.
        coding: how text becomes tokens: its characters, the bytes of its UTF-8, or pieces of these (byte-pair
            encoding); "numbers" where it is no text.
        symbols: what each token writes: a character, or bytes, each of which is a character of Latin-1. None: numbers.
        merges: of byte-pair encoding, the pairs of tokens that are joined, in order: ``"116 104"`` makes "th".
        end: the token that ends an example and comes nowhere before; None: nothing says where an example ends.
    """

    length: int
    vocabulary: int
    ragged: bool = False
    characters: float = 1.0
    coding: Literal["numbers", "characters", "bytes", "bpe"] = "numbers"
    symbols: tuple[str, ...] | None = None
    merges: tuple[str, ...] | None = None
    end: int | None = None

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
        """Bits per character, whatever the tokens are, so that vocabularies can be compared; of bytes per byte.

        Numbers that are no text, or are not known to be one, have bits per token.
        """
        known = self.coding != "numbers" or self.characters != 1
        name = "bits/byte" if self.coding == "bytes" else "bits/character" if known else "bits/token"
        return Unit(name, self.length * self.characters)


@dataclass(frozen=True)
class Waveform(AnySpace):
    """``(C, L)`` samples of sound.

    Attributes:
        length, channels: L, C; L of the longest recording where they are ragged.
        levels: number of integer values, None of real ones in [-1, 1].
        rate: samples a second, None where it is not known.
        companding: how levels lie between -1 and 1: evenly, or by the mu-law (ITU-T G.711, mu = levels - 1).
        ragged: whether recordings have lengths of their own.
    """

    length: int
    channels: int = 1
    levels: int | None = None
    rate: int | None = None
    companding: Literal["linear", "mu-law"] = "linear"
    ragged: bool = False

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
class Frames(AnySpace):
    """``(L, W)``: a sequence of vectors, such as a piano roll (88 keys, two levels).

    Attributes:
        length: L; of the longest example where they are ragged.
        width: W.
        levels: number of integer values, None of real ones.
        ragged: whether examples have lengths of their own.
        first_key: of a piano roll, the MIDI number of the first value (21 is the lowest key of a piano); else None.
        rate: frames a second, None where it is not known.
    """

    length: int
    width: int
    levels: int | None
    ragged: bool = True
    first_key: int | None = None
    rate: float | None = None

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
class Video(Fixed):
    """``(F, C, H, W)``: a fixed number of pictures in order.

    Attributes:
        frames, channels, height, width: F, C, H, W.
        levels: number of integer values, None of real ones.
        measure: what values are: brightness, or rain rates on the scale of `genlab.data.video.rain`.
        minutes: from one picture to the next, None where it is not known.
    """

    frames: int
    channels: int
    height: int
    width: int
    levels: int | None
    measure: Literal["brightness", "rain"] = "brightness"
    minutes: float | None = None

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
class Label(Fixed):
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

InTime = Tokens | Waveform | Frames
"""Spaces whose examples are sequences, and can go on for longer than those of the data."""


def is_text(space: Space) -> TypeGuard[Tokens]:
    """Whether data are tokens that say what they write."""
    return isinstance(space, Tokens) and space.symbols is not None


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
