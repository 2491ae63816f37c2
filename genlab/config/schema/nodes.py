"""What schemas are made of: ranges, and nodes that refuse unknown keys and silent conversions."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Shown = Annotated[int, Field(gt=0, le=1024)]
"""How many pictures a grid shows: more can be drawn, and not be looked at."""

NonNegative = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Node(BaseModel):
    """A config node: no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Target(Node):
    """A node that builds an object; ``_target_`` was checked against the positive list."""

    target: Text = Field(alias="_target_")


class External(Target):
    """A user's own class (``trust=[package]``): its keys are its own business."""

    model_config = ConfigDict(extra="allow", strict=True)
