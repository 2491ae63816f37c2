"""Schemas of the tasks of ``genlab sample``, computed from the signatures of their classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from genlab.config.arguments import nearest
from genlab.config.schema.nodes import Node, Text
from genlab.config.schema.targets import options
from genlab.data.fits import either
from genlab.errors import ConfigError
from genlab.signatures.described import Described, described, held
from genlab.signatures.syntax import is_path

PACKAGE = "genlab.tasks"


def _known(value: str) -> str:
    names = list(held(PACKAGE))
    if value in names or is_path(value):
        return value
    raise ValueError(f"no such task; choose from {', '.join(names)}{nearest(value, names)}")


TaskName = Annotated[Text, AfterValidator(_known)]
"""One of ``genlab list tasks``, or the module of a user's own."""


def of(name: object) -> Described | None:
    """What ``task=NAME`` is: one of genlab's, or by the path of a module a user's own; None: there is none.

    Raises:
        ConfigError: its options cannot be read.
    """
    if not isinstance(name, str):
        return None
    return described(name) if "." in name else held(PACKAGE).get(name)


def takers(option: str) -> str:
    """The tasks of genlab's that have an option, ``complete or inpaint``; empty: none has it."""
    names = [name for name, each in held(PACKAGE).items() if option in each.arguments]
    return either(names)


def with_options(base: type[Node], config: Mapping[str, Any]) -> type[Node]:
    """The schema of ``genlab sample`` and of the options of the task that is asked for, which stand beside it."""
    found = of(config.get("task"))
    return base if found is None else options(found, base)


def check_names(found: Described, taken: Collection[str]) -> None:
    """Refuse options that ``genlab sample`` has itself.

    Raises:
        ConfigError: there is one.
    """
    for name in found.arguments:
        if name in taken:
            raise ConfigError(
                f"{found.target}: the option {name} has the name of a setting of genlab sample, which its `Work` has; "
                "name it otherwise"
            )
