"""Spaces as the plain types that a checkpoint holds."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, get_args

from genlab.data.spaces import Space
from genlab.errors import ConfigError

KINDS: dict[str, type[Any]] = {each.kind: each for each in get_args(Space)}


def plain(space: Space) -> dict[str, Any]:
    """Plain types, as a checkpoint holds them; `from_plain` is the inverse."""
    values = {name: list(each) if isinstance(each, tuple) else each for name, each in asdict(space).items()}
    return {"kind": space.kind, **values}


def from_plain(value: dict[str, Any]) -> Space:
    """The space of plain types.

    Raises:
        ConfigError: a kind or a property that this version does not know.
    """
    kind = KINDS.get(str(value.get("kind")))
    given = {name: tuple(each) if isinstance(each, list) else each for name, each in value.items() if name != "kind"}
    if kind is None or not set(given) <= {each.name for each in fields(kind)}:
        raise ConfigError(f"{value}: no space that this version of genlab knows ({', '.join(KINDS)})")
    return kind(**given)
