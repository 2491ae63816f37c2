"""Schemas of the translators and their games."""

from __future__ import annotations

from typing import Literal

from genlab.config.schema.nodes import NonNegative, NonNegativeFloat, Positive, Target, Unit


class CycleGAN(Target):
    """`genlab.models.CycleGAN`."""

    channels: Positive | Literal["auto"]
    blocks: Positive | Literal["auto"]
    patch: Literal["auto", 16, 34, 70]


class Pix2Pix(Target):
    """`genlab.models.Pix2Pix`."""

    channels: Positive | Literal["auto"]
    dropout: Unit
    patch: Literal["auto", 16, 34, 70]


class CycleConsistency(Target):
    """`genlab.objectives.CycleConsistency`."""

    cycle_weight: NonNegativeFloat
    identity_weight: NonNegativeFloat
    pool_size: NonNegative


class ConditionalAdversarial(Target):
    """`genlab.objectives.ConditionalAdversarial`."""

    loss: Literal["non_saturating", "least_squares"]
    l1_weight: NonNegativeFloat


TARGETS: dict[str, type[Target]] = {
    "genlab.models.CycleGAN": CycleGAN,
    "genlab.models.Pix2Pix": Pix2Pix,
    "genlab.objectives.CycleConsistency": CycleConsistency,
    "genlab.objectives.ConditionalAdversarial": ConditionalAdversarial,
}
