"""Schemas of the normalising flows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from genlab.config.schema.nodes import NonNegative, Positive, Target


class RealNVP(Target):
    """`genlab.models.realnvp`."""

    couplings: Positive | Literal["auto"]
    hidden: list[Positive]
    channels: Positive
    blocks: NonNegative
    scales: NonNegative | Literal["auto"]
    norm: Literal["actnorm", "batchnorm", "none"]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    condition: Literal["label", "vector"] | None = None


class NICE(Target):
    """`genlab.models.nice`."""

    couplings: Positive
    hidden: list[Positive] | Literal["auto"]
    condition: Literal["label", "vector"] | None = None


TARGETS: dict[str, type[Target]] = {"genlab.models.realnvp": RealNVP, "genlab.models.nice": NICE}
