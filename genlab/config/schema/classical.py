"""Schemas of the classical models, which are fitted in one pass and so have neither objective nor optimiser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from genlab.config.schema.game import check_players
from genlab.config.schema.nodes import NonNegativeFloat, Positive, PositiveFloat, Target


class Histogram(Target):
    """`genlab.models.histogram`."""

    bins: Positive | Literal["auto"]
    smoothing: PositiveFloat | Literal["auto"]
    condition: Literal["label"] | None = None


class KDE(Target):
    """`genlab.models.kde`."""

    bandwidth: PositiveFloat | Literal["auto"]
    scaling: Literal["std", "none"]
    max_points: Positive | Literal["auto"]


class KNN(Target):
    """`genlab.models.knn`."""

    k: Positive | Literal["auto"]
    max_points: Positive | Literal["auto"]


class GMM(Target):
    """`genlab.models.gmm`."""

    components: Positive
    covariance: Literal["auto", "full", "diag"]
    reg_covar: NonNegativeFloat
    max_iter: Positive
    max_points: Positive | Literal["auto"]


class PPCA(Target):
    """`genlab.models.ppca`."""

    latent_dim: Positive | Literal["auto"]
    max_points: Positive | Literal["auto"]


TARGETS: dict[str, type[Target]] = {
    "genlab.models.histogram": Histogram,
    "genlab.models.kde": KDE,
    "genlab.models.knn": KNN,
    "genlab.models.gmm": GMM,
    "genlab.models.ppca": PPCA,
}


def check_fit(config: Mapping[str, Any], *, own: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each way in which a config does not say how its model is to be fitted.

    Args:
        config: of ``genlab train``.
        own: genlab's own targets; a user's own model is left to the run itself.
    """
    target, trainer = config["model"]["_target_"], config["trainer"]
    if target not in TARGETS:
        if config["objective"] is not None:
            yield from check_players(config, own=own)
        elif target in own:
            yield f"objective: is null, but {target} is trained by gradient descent; set it"
        return
    if config["objective"] is not None:
        yield f"objective: {target} is fitted in one pass and has none; leave it null"
    devices = trainer["devices"]
    count = len(devices) if isinstance(devices, list) else 1 if devices == "auto" else devices
    if count * trainer["num_nodes"] > 1:
        yield f"trainer.devices={devices}: {target} is fitted in one pass by one process; use trainer.devices=1"
