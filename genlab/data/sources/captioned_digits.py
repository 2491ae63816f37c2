"""Pictures of one or two digits, and sentences that say what is where: text to image, at the size of a toy."""

from __future__ import annotations

import string
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.sources.digits import digits
from genlab.data.spaces import Image, Tokens
from genlab.data.text.captions import caption
from genlab.errors import ConfigError
from genlab.seeding import derive
from genlab.signatures.ranges import Positive, Seed

gives = ("one set", "image", "integers", "tokens condition")

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

PLACES = {"above": (0, 1, 2, 1), "below": (2, 1, 0, 1), "left of": (1, 0, 1, 2), "right of": (1, 2, 1, 0)}
"""Rows and columns of the first and the second digit, on a grid of three by three."""

LENGTH = 40
"""Characters of a caption, filled with spaces at the end."""

SYMBOLS = (" ", *string.ascii_lowercase)

PART = 10

SIDE = 8
"""Of a digit."""


class PlacedDigit(NamedTuple):
    """A digit that a caption names, and the top left corner of the square where it is drawn."""

    digit: int
    bold: bool
    top: int
    left: int

    @property
    def where(self) -> tuple[slice, slice, slice]:
        """The square in a picture ``(1, S, S)``."""
        return slice(None), slice(self.top, self.top + SIDE), slice(self.left, self.left + SIDE)


def placed_digits(text: str, *, size: int) -> tuple[PlacedDigit, ...]:
    """What is to be seen in a picture of side ``size``, by its caption.

    Raises:
        ConfigError: it is no caption of this data.
    """
    step = (size - SIDE) // 2
    for place, corners in PLACES.items():
        first, found, second = text.partition(f" {place} ")
        if found:
            row, column, below, right = (step * each for each in corners)
            return PlacedDigit(*_named(first), row, column), PlacedDigit(*_named(second), below, right)
    return (PlacedDigit(*_named(text), step, step),)


def _named(text: str) -> tuple[int, bool]:
    """A digit in words, and whether it is bold."""
    match text.split():
        case ["a", word] if word in WORDS:
            return WORDS.index(word), False
        case ["a", "bold", word] if word in WORDS:
            return WORDS.index(word), True
    raise ConfigError(f"{text!r} names no digit as the captions of this data do: a seven, a bold three")


def captioned_digits(
    *, size: Annotated[int, Field(ge=18, le=64)] = 20, count: Positive = 4000, seed: Seed = 0
) -> Dataset:
    """Captioned digits: ``(N, 1, S, S)`` uint8 of 17 levels, with captions such as "a bold seven above a three".

    A picture holds one digit, or one above, below, left of or right of another; a bold digit is a pixel wider in its
    strokes. Digits are those bundled with scikit-learn, of the same split. The caption is the condition, ``(N, 40)``
    characters.

    Args:
        size: side of a picture.
        count: training pictures; a tenth as many are validation, and test.
        seed: of digits, places and words.
    """
    still = digits()
    captions = Tokens(LENGTH, len(SYMBOLS), coding="characters", symbols=SYMBOLS)

    def split(part: str, n: int) -> Split:
        generator = torch.Generator().manual_seed(derive(seed, "captioned_digits", part))
        held: Split = getattr(still, part)
        assert held.y is not None
        made = [_drawn(held.x[:, 0], held.y, size, generator) for _ in range(n)]
        said = torch.stack([caption(captions, text) for _, text in made])
        return Split(torch.stack([picture for picture, _ in made])[:, None], c=said)

    few = max(1, count // PART)
    return Dataset(
        name="captioned_digits",
        spec=DataSpec(space=Image(1, size, size, still.spec.levels), condition=captions),
        train=split("train", count),
        val=split("val", few),
        test=split("test", few),
    )


def _drawn(pictures: Tensor, labels: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, str]:
    """A picture ``(S, S)`` and its caption."""

    def number(below: int) -> int:
        return int(torch.randint(below, (), generator=generator))

    def digit() -> tuple[Tensor, str]:
        which, bold = number(len(pictures)), number(2)
        picture, word = pictures[which], WORDS[int(labels[which])]
        wider = torch.maximum(picture, picture.roll(1, 1)) if bold else picture
        return wider, f"a bold {word}" if bold else f"a {word}"

    found = pictures.new_zeros(size, size)
    step = (size - SIDE) // 2
    first, text = digit()
    names = [None, *PLACES]
    place = names[number(len(names))]
    if place is None:
        _put(found, first, step, step)
        return found, text
    second, other = digit()
    row, column, below, right = (step * each for each in PLACES[place])
    _put(found, first, row, column)
    _put(found, second, below, right)
    return found, f"{text} {place} {other}"


def _put(found: Tensor, picture: Tensor, top: int, left: int) -> None:
    at = found[top : top + picture.shape[0], left : left + picture.shape[1]]
    torch.maximum(at, picture, out=at)
