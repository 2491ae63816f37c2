"""Schemas of adversarial models and games, and what a config says of the players."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from genlab.config.schema.nodes import NonNegativeFloat, Positive, Target

PLAYERS: dict[str, tuple[str, ...]] = {
    "genlab.objectives.Adversarial": ("discriminator", "generator"),
    "genlab.objectives.ConditionalAdversarial": ("discriminator", "generator"),
    "genlab.objectives.CycleConsistency": ("generators", "discriminators"),
}
"""Who plays, by the game's ``_target_``."""


class GAN(Target):
    """`genlab.models.GAN`."""

    latent_dim: Positive | Literal["auto"]
    hidden: list[Positive] | Literal["auto"]
    condition: Literal["label", "vector"] | None = None


class DCGAN(Target):
    """`genlab.models.DCGAN`."""

    latent_dim: Positive
    channels: Positive
    norm: Literal["auto", "batch", "layer", "none"]
    spectral_norm: bool
    condition: Literal["label"] | None = None


class Adversarial(Target):
    """`genlab.objectives.Adversarial`."""

    loss: Literal["minimax", "non_saturating", "least_squares", "hinge", "wasserstein_gp", "f_gan"]
    divergence: Literal["kl", "reverse_kl", "js", "total_variation", "pearson", "hellinger"]
    r1: NonNegativeFloat
    gp_weight: NonNegativeFloat
    n_critic: Positive
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]


TARGETS: dict[str, type[Target]] = {
    "genlab.models.GAN": GAN,
    "genlab.models.DCGAN": DCGAN,
    "genlab.objectives.Adversarial": Adversarial,
}


def check_players(config: Mapping[str, Any], *, own: Mapping[str, Any]) -> Iterator[str]:
    """One sentence if a model that is trained by gradient descent does not say how each of its weights is updated.

    Args:
        config: of ``genlab train``, with an objective.
        own: genlab's own targets; a user's own game is left to the run itself.
    """
    target, given = config["objective"]["_target_"], config["players"]
    if target in PLAYERS:
        names = PLAYERS[target]
        if given is None or set(given) != set(names):
            yield f"players: {target} is played by {', '.join(names)}; give each one's optimiser settings"
        if config["optim"] is not None:
            yield f"optim: {target} is a game, whose players have optimisers of their own: players.{names[0]}.lr=..."
    elif target in own:
        if given is not None:
            yield f"players: {target} is no game; set players=null and optim"
        elif config["optim"] is None:
            yield f"optim: is null, but {config['model']['_target_']} is trained by gradient descent; set it"
