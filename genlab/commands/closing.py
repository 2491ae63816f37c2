"""What the end of a training run says beside the likelihood: latents in use, energies, translations, and warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from genlab.data.spaces import Dataset
from genlab.errors import TrainingError
from genlab.evaluation import translators
from genlab.evaluation.collapse import COLLAPSED, diversities, message
from genlab.evaluation.energies import ENERGIES, energies
from genlab.evaluation.units import units
from genlab.models.capabilities import ApproximatePosterior, Translator, UnnormalisedDensity
from genlab.models.gan.implicit import ImplicitModel


def measured(model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
    """What the model's type has, for the summary: ``latents``, ``energy``, ``translation``, ``diversity``.

    Raises:
        TrainingError: a number that is not finite.
    """
    found: dict[str, Any] = {}
    if isinstance(model, ApproximatePosterior):
        found["latents"] = units(model, data, seed=seed)
        check_number("KL of the posterior", found["latents"]["kl"])
    if isinstance(model, UnnormalisedDensity):
        found["energy"] = energies(model, data, n=ENERGIES, seed=seed)
        for name in ("data", "samples"):
            check_number(f"energy of {name}", found["energy"][name]["mean"])
    if isinstance(model, Translator):
        scores = translators.records(model, data, split="test", seed=seed)
        for score in scores:
            check_number(score.metric, score.value)
        found["translation"] = {score.metric: score.to_dict() for score in scores}
    if isinstance(model, Translator | ImplicitModel):
        found["diversity"] = diversities(model, data, seed=seed)
    return found


def check_number(name: str, value: float) -> None:
    """Raise TrainingError unless ``value`` is finite: losses judge the weights before their update, this the last."""
    if not math.isfinite(value):
        raise TrainingError(
            f"{name} is {value} after the last step; go on from an earlier checkpoint, or start again with a smaller "
            "optim.lr or trainer.gradient_clip_val=1"
        )


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
