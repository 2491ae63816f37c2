"""Nodes that build an object, filled with the defaults of its signature: a file says what varies, and all is known."""

from __future__ import annotations

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
        if not isinstance(node, DictConfig) or node._is_none():
            continue
        held: dict[str, Any] = OmegaConf.to_container(node, resolve=False)  # type: ignore[assignment]
        held = renamed(held) if name == "model" else held
        target = held.get("_target_")
        said = targets.signature(target) if isinstance(target, str) else None
        if said is not None:
            config[name] = {"_target_": target, **said.defaults(), **held}
