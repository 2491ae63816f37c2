"""Schemas of the energy-based model and contrastive divergence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from genlab.config.schema.nodes import NonNegativeFloat, Positive, PositiveFloat, Target


class EBM(Target):
    """`genlab.models.EBM`."""

    hidden: list[Positive] | Literal["auto"]
    network: Literal["auto", "mlp", "conv"]
    channels: Positive
    spectral_norm: bool
    step_size: PositiveFloat | Literal["auto"]
    noise: NonNegativeFloat | Literal["auto"]
    gradient_clamp: PositiveFloat | Literal["auto"] | None
    chain_steps: Positive | Literal["auto"]
    condition: Literal["label", "vector"] | None = None


class ContrastiveDivergence(Target):
    """`genlab.objectives.ContrastiveDivergence`."""

    steps: Positive | Literal["auto"]
    replay_size: Positive | Literal["auto"]
    reinit: Annotated[float, Field(ge=0, le=1)] | Literal["auto"]
    data_noise: NonNegativeFloat | Literal["auto"]
    energy_penalty: NonNegativeFloat | Literal["auto"]
    max_gap: PositiveFloat


TARGETS: dict[str, type[Target]] = {
    "genlab.models.EBM": EBM,
    "genlab.objectives.ContrastiveDivergence": ContrastiveDivergence,
}
