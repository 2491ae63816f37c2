"""The types that an option can have: what annotated signatures say, and what schemas are made of.

A range of one's own needs no line here: ``Annotated[int, Field(gt=0, le=178)]`` stands in a signature as well.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("must be odd, so that a kernel has a centre")
    return size


def _path(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    raise ValueError("give the path of a folder")


def _ascending(value: Any) -> Any:
    numbers = value if isinstance(value, list | tuple) else []
    ascending = len(numbers) == 2 and all(type(each) in (int, float) and math.isfinite(each) for each in numbers)
    if value in (None, "auto") or (ascending and numbers[0] < numbers[1]):
        return value
    raise ValueError("give the values of black and white, as [0,4095], or auto")


Positive = Annotated[int, Field(gt=0)]
Shown = Annotated[int, Field(gt=0, le=1024)]
"""How many pictures a grid shows: more can be drawn, and not be looked at."""

Width = Annotated[int, Field(ge=8, multiple_of=8)]
"""Channels that are normalised in eight groups."""

Frames = Annotated[int, Field(ge=2)]
"""Pictures along a path, from its first to its last."""

Cells = Annotated[int, Field(ge=4)]
"""Cells per side of a grid."""

NonNegative = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
"""A part of a whole, which leaves something."""

Kernel = Annotated[int, Field(ge=3), AfterValidator(_odd)]
"""Side of a kernel of more than a point, which has a centre."""

Taps = Annotated[int, Field(ge=2)]
"""Steps that a convolution over time reads."""

Doublings = Annotated[int, Field(gt=0, le=16)]
"""Layers of which each reaches twice as far as the one before."""

Text = Annotated[str, Field(min_length=1)]
Folder = Annotated[str | os.PathLike[str], PlainValidator(_path)]
"""Where files lie; in a config a text."""

Range = Annotated[Sequence[float] | Literal["auto"] | None, PlainValidator(_ascending)]
"""The values that become black and white; None: those of the format; "auto": the least and the greatest of the data."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]
