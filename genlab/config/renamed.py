"""Names of earlier versions that a config or a checkpoint may still have, and what stands for them today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.models import EARLIER

MODELS: dict[str, dict[str, Any]] = {
    **{f"genlab.models.{name}": {"_target_": f"genlab.models.{now}", **more} for name, (now, more) in EARLIER.items()},
    "genlab.models.NaiveBayes": {"_target_": "genlab.models.histogram", "condition": "label"},
}
"""By the ``_target_`` of before: its name, and the options that it was another name for."""


def renamed(node: Mapping[str, Any]) -> dict[str, Any]:
    """A ``model`` node by today's names."""
    return {**node, **MODELS.get(str(node.get("_target_")), {})}
