"""What the end of a training run says beside the likelihood: what metrics tell unasked, and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from genlab.data.spaces import Dataset
from genlab.evaluation.collapse import COLLAPSED, message


def measured(model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
    """What the metrics tell of the model without being asked, for the summary.

    Raises:
        TrainingError: a number that is not finite.
    """
    from genlab.metrics import METRICS  # the start of a run need not wait for them

    found: dict[str, Any] = {}
    for metric in METRICS.values():
        found |= metric.at_end(model, data, seed=seed)
    return found


def of_records(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Warnings of a finished run that is nonsense nevertheless, worded as `genlab.training.callbacks.watch` does."""
    step, found = summary["steps"], []
    for split in ("test", "val"):
        if (summary.get(split) or {}).get("warning"):
            found.append(f"{split} {summary[split]['warning']}")
            break  # the other split says the same
    latents = summary.get("latents")
    if latents is not None and latents["active"] == 0:
        found.append(
            f"none of the {latents['units']} latents is in use (KL {latents['kl']:.3g} nats): the decoder does without "
            "them; try objective.warmup_steps, a smaller objective.beta, or a weaker decoder"
        )
    told = [str(each["message"]).partition(":")[0] for each in summary.get("warnings", [])]
    alike = {name: value for name, value in summary.get("diversity", {}).items() if value < COLLAPSED}
    found += [said for name, value in alike.items() if (said := message(name, value)).partition(":")[0] not in told]
    return [{"step": step, "message": each} for each in found]
