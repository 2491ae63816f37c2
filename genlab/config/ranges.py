"""The types that an option can have: what annotated signatures say, and what schemas are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Positive = Annotated[int, Field(gt=0)]
Shown = Annotated[int, Field(gt=0, le=1024)]
"""How many pictures a grid shows: more can be drawn, and not be looked at."""

Cells = Annotated[int, Field(ge=4)]
"""Cells per side of a grid."""

NonNegative = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
