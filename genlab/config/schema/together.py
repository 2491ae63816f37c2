"""What does not go together in a config, as far as the sources of its parts tell: said before PyTorch is imported.

Which data a model fits, and which model an objective trains, is said by the classes themselves and looked at again when
they are made (`genlab.data.fits`, `genlab.objectives.trainable`); what says nothing is left to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from genlab.config.schema import targets
from genlab.data.fits import Known, known, refusals
from genlab.objectives.trainable import refusal


def check(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each reason why the parts of a training config do not go together."""
    said, data = targets.signature(config["model"]["_target_"]), _data(config["data"])
    objective = None if config["objective"] is None else targets.signature(config["objective"]["_target_"])
    unlike = None
    if said is not None and objective is not None and not targets.fitted(config["model"]["_target_"]):
        unlike = refusal(objective, said, frozenset() if data is None else data.facts)
    if unlike is None:
        yield from check_trained(config)
    if said is not None and data is not None:
        options = {**said.defaults(), **config["model"]}
        needs, needs_with = said.says("needs") or (), said.says("needs_with") or {}
        yield from refusals(said.module, said.name, needs, needs_with, options, data)
    if unlike is not None:
        yield unlike


def check_trained(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each way in which a config does not say how its model is to be trained."""
    target, objective, trainer = config["model"]["_target_"], config["objective"], config["trainer"]
    if targets.fitted(target):
        if objective is not None:
            yield f"objective: {target} is fitted in one pass and has none; leave it null"
        if config["optim"] is not None:
            yield f"optim: {target} is fitted in one pass and has none; leave it null"
        devices = trainer["devices"]
        count = len(devices) if isinstance(devices, list) else 1 if devices == "auto" else devices
        if count * trainer["num_nodes"] > 1:
            yield f"trainer.devices={devices}: {target} is fitted in one pass by one process; use trainer.devices=1"
    elif objective is not None:
        yield from _players(config)
    elif target in targets.TARGETS:
        yield f"objective: is null, but {target} is trained by gradient descent; set it"


def _players(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence if a config does not say how each of the weights is updated."""
    target, given = config["objective"]["_target_"], config["players"]
    names = targets.players(target)
    if names is not None:
        if given is None or set(given) != set(names):
            yield f"players: {target} is played by {', '.join(names)}; give each one's optimiser settings"
        if config["optim"] is not None:
            yield (
                f"optim: {target} is a game, whose players have optimisers of their own: "
                f"optim@players.{names[0]}={config['optim']['name']}, players.{names[0]}.lr=..."
            )
    elif target in targets.TARGETS:
        if given is not None:
            yield f"players: {target} is no game; set players=null and optim"
        elif config["optim"] is None:
            yield f"optim: is null, but {config['model']['_target_']} is trained by gradient descent; set it"


def _data(node: Mapping[str, Any]) -> Known | None:
    said = targets.signature(node["_target_"])
    return None if said is None else known(said, {**said.defaults(), **node})
