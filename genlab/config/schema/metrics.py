"""Schemas of the metrics of ``genlab eval``, computed from the signatures of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import create_model, model_validator

from genlab.config.schema.nodes import Node, Target
from genlab.config.schema.targets import options
from genlab.signatures.described import held

PACKAGE = "genlab.metrics"


def own(metric: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The nodes of a ``metric`` node that are a user's own metrics: they say which class they are."""
    return {name: node for name, node in metric.items() if isinstance(node, Mapping) and "_target_" in node}


def of_target(target: str) -> type[Target] | None:
    """The schema of a user's own metric; None: there is no such class.

    Raises:
        ConfigError: its options cannot be read.
    """
    from genlab.signatures.described import described

    module, _, name = target.rpartition(".")
    found = described(module)
    return None if found is None or found.name != name else options(found, Target)  # type: ignore[return-value]


class _Builtin(Node):
    """The metrics and their options; the names that are present are what is computed."""

    @model_validator(mode="before")
    @classmethod
    def _without_own(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: node for name, node in value.items() if name not in own(value)}


if TYPE_CHECKING:

    class Metrics(_Builtin):
        """See `_Builtin`."""
else:
    Metrics = create_model(
        "Metrics",
        __base__=_Builtin,
        all=(Node | None, None),
        **{name: (options(each) | None, None) for name, each in held(PACKAGE).items()},
    )
