"""The only place where a config becomes objects."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from genlab.data.spec import Dataset, DataSpec
from genlab.errors import ConfigError
from genlab.schema import TARGETS
from genlab.training.optim import OptimiserRecipe
from genlab.trust import check_target


def construct(node: Mapping[str, Any], *args: Any, trust: Sequence[str]) -> Any:
    """Call what ``node["_target_"]`` names with ``args`` and the node's other keys.

    Raises:
        TrustError: the target is neither genlab's own nor covered by ``trust``.
        ConfigError: there is no such name, or it does not take these keys.
    """
    target = node["_target_"]
    check_target(target, allowed=TARGETS, trust=trust)
    module, _, name = target.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"_target_={target}: {error}") from error
    keys = {key: value for key, value in node.items() if key != "_target_"}
    try:
        return made(*args, **keys)
    except TypeError as error:
        # a user's own class has no schema: a wrong key shows here, and in genlab's own code it is a bug
        if target in TARGETS:
            raise
        raise ConfigError(f"_target_={target}: {error}") from error


def dataset(node: Mapping[str, Any], *, trust: Sequence[str], root: str | None = None) -> Dataset:
    """The decoded data set of a ``data`` node; ``root`` replaces ``data.root`` where the data has moved.

    Raises:
        DataError: the files are missing or damaged.
        ConfigError: the data set does not take these settings.
    """
    settings = {key: value for key, value in node.items() if key != "batch_size"}
    if root is not None:
        if "root" not in settings:
            raise ConfigError(f"data.root={root}: this data set is built in and has no root")
        settings["root"] = root
    return construct(settings, trust=trust)


def model(node: Mapping[str, Any], spec: DataSpec, *, trust: Sequence[str]) -> nn.Module:
    """The model of a ``model`` node for data of type ``spec``; weights from PyTorch's random state."""
    return construct(node, spec, trust=trust)


def objective(node: Mapping[str, Any], *, trust: Sequence[str]) -> Any:
    """The objective of an ``objective`` node."""
    return construct(node, trust=trust)


def optimiser(node: Mapping[str, Any]) -> OptimiserRecipe:
    """The recipe of an ``optim`` node."""
    return OptimiserRecipe(**node)


def players(node: Mapping[str, Mapping[str, Any]]) -> dict[str, OptimiserRecipe]:
    """The recipes of a ``players`` node, in the order of their updates."""
    return {name: optimiser(recipe) for name, recipe in node.items()}
