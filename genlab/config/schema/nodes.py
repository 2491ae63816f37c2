"""What schemas are made of: `genlab.signatures.ranges`, and nodes that refuse unknown keys and silent conversions."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from genlab.signatures.ranges import (
    NonNegative,
    NonNegativeFloat,
    Positive,
    PositiveFloat,
    Seed,
    Shown,
    Text,
    Unit,
)

__all__ = [
    "External",
    "Node",
    "NonNegative",
    "NonNegativeFloat",
    "Positive",
    "PositiveFloat",
    "Seed",
    "Shown",
    "Target",
    "Text",
    "Unit",
]


class Node(BaseModel):
    """A config node: no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Target(Node):
    """A node that builds an object; ``_target_`` was checked against the positive list."""

    target: Text = Field(alias="_target_")


class External(Target):
    """A user's own class (``trust=[package]``): its keys are its own business."""

    model_config = ConfigDict(extra="allow", strict=True)
