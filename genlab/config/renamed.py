"""Names of earlier versions that a config or a checkpoint may still have, and what stands for them today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MODELS: dict[str, dict[str, Any]] = {
    "genlab.models.ConditionalVAE": {"_target_": "genlab.models.VAE", "condition": "label"},
    "genlab.models.ConditionalDCGAN": {"_target_": "genlab.models.DCGAN", "condition": "label"},
    "genlab.models.ConditionalGatedPixelCNN": {"_target_": "genlab.models.GatedPixelCNN", "condition": "label"},
    "genlab.models.NaiveBayes": {"_target_": "genlab.models.histogram", "condition": "label"},
}
"""By the ``_target_`` of before: its name, and the options that it was another name for."""


def renamed(node: Mapping[str, Any]) -> dict[str, Any]:
    """A ``model`` node by today's names."""
    return {**node, **MODELS.get(str(node.get("_target_")), {})}
