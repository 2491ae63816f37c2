"""Nodes that build an object, filled with the defaults of its signature: a file says what varies, and all is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from genlab.config.renamed import renamed
from genlab.config.schema import targets


def fill(config: DictConfig) -> None:
    """Give each node of `targets.NODES` the options that its files leave out, in the signature's order.

    Nothing is imported or run, a user's own class neither; if its options cannot be read, its node stays as it is.
    """
    for name in targets.NODES:
        node = config.get(name) if name in config and not OmegaConf.is_missing(config, name) else None
        if isinstance(node, DictConfig) and not node._is_none():
            held: dict[str, Any] = OmegaConf.to_container(node, resolve=False)  # type: ignore[assignment]
            config[name] = whole(name, held)


def today(config: Mapping[str, Any]) -> dict[str, Any]:
    """A training config of any version in plain types, as this version would write it: equal settings look equal."""
    nodes = {name: config[name] for name in targets.NODES if isinstance(config.get(name), Mapping)}
    return {**config, **{name: whole(name, node) for name, node in nodes.items()}}


def whole(name: str, node: Mapping[str, Any]) -> dict[str, Any]:
    """One node by today's names and with all options of its signature, if that can be read."""
    held = renamed(node) if name == "model" else dict(node)
    target = held.get("_target_")
    said = targets.signature(target) if isinstance(target, str) else None
    return held if said is None else {"_target_": target, **said.defaults(), **held}
