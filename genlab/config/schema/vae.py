"""Schemas of the VAE family and its objectives."""

from __future__ import annotations

from typing import Literal

from genlab.config.schema.nodes import NonNegative, NonNegativeFloat, Positive, Target


class VAE(Target):
    """`genlab.models.VAE`."""

    latent_dim: Positive | Literal["auto"]
    hidden: list[Positive] | Literal["auto"]
    network: Literal["auto", "mlp", "conv"]
    channels: Positive
    likelihood: Literal["auto", "bernoulli", "discretised_logistic", "gaussian"]
    variance: Literal["network", "shared"]
    condition: Literal["label", "vector"] | None = None


class ELBO(Target):
    """`genlab.objectives.ELBO`."""

    beta: NonNegativeFloat
    warmup_steps: NonNegative


class IWAE(Target):
    """`genlab.objectives.IWAE`."""

    num_particles: Positive


TARGETS: dict[str, type[Target]] = {
    "genlab.models.VAE": VAE,
    "genlab.objectives.ELBO": ELBO,
    "genlab.objectives.IWAE": IWAE,
}
