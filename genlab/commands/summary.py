"""``summary.json``: what was trained is scored on both splits, looked at and drawn, and told at the end of its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import genlab
from genlab.commands import closing, devices
from genlab.commands.descent import Descent
from genlab.evaluation.artefacts.draw import Artefact
from genlab.evaluation.artefacts.grids import save
from genlab.evaluation.record import Record, check_number
from genlab.evaluation.validate import validate
from genlab.models.capabilities import GenerativeModel
from genlab.progress import track
from genlab.runs import directory
from genlab.storage import checkpoint
from genlab.training.callbacks.checkpoints import Checkpoints
from genlab.training.callbacks.guard import Guard
from genlab.training.callbacks.in_turn import StepCallback
from genlab.training.callbacks.watch import Watch
from genlab.training.skip import left_out


def write(descent: Descent, checkpoints: Checkpoints, *, seconds: float) -> dict[str, Any]:
    """Score and draw what a run has trained, and write its ``summary.json``.

    Args:
        descent: whose last step is taken.
        checkpoints: of it, with its validation.
        seconds: that training took.

    Returns:
        The summary; of ranks but the first, what all of them compute together.

    Raises:
        TrainingError: a number that is not finite.
    """
    module, trainer, data = descent.module, descent.trainer, descent.data
    scored = module.scored.to(trainer.strategy.root_device)
    summary: dict[str, Any] = {
        "status": "finished",
        "steps": module.batches_done,
        "epochs": round(descent.loader.epochs(module.batches_done), 4),
        "seconds": round(seconds, 2),
        "threads": descent.threads,
        "parameters": sum(p.numel() for p in module.model.parameters()),
        "version": genlab.__version__,
    }
    summary |= devices.summary(descent.config["trainer"], module)
    summary |= left_out(module.skips)
    summary |= _likelihoods(descent, scored)
    for part in trainer.callbacks[0].parts:  # type: ignore[attr-defined]
        summary |= _said(part, descent)
    if trainer.is_global_zero:
        summary |= closing.measured(scored, data, seed=descent.config["seed"])
        summary["warnings"] = [*summary.get("warnings", []), *closing.of_records(summary)]
        # the last step ends with a validation, which has drawn the same pictures, unless this process took no step
        validation = checkpoints.validation
        summary |= saved(validation.pictures or validation.draw(scored), descent.run_dir)
        if validation.records:
            summary["validation"] = [record.to_dict() for record in validation.records]
        directory.write_json(descent.run_dir / directory.SUMMARY, summary)
    return summary


def saved(pictures: Mapping[str, Artefact], run_dir: Path) -> dict[str, str]:
    """Save the last pictures of a run, and the files of its samples; where they are, for its summary."""
    return {
        f"{name}_{'picture' if isinstance(made, np.ndarray) else 'file'}": str(
            save(run_dir / "samples", f"final-{name}", made)
        )
        for name, made in pictures.items()
    }


def _likelihoods(descent: Descent, model: nn.Module) -> dict[str, Any]:
    """The records of both splits, of a model that has a likelihood."""
    if not isinstance(model, GenerativeModel):
        return {}
    found = {}
    for split in ("val", "test"):
        record = _likelihood(descent, model, split)
        latest = checkpoint.steps(descent.run_dir / directory.CHECKPOINTS)
        if record is not None:
            check_number(f"{split}/{record.metric}", record.value)
            found[split] = replace(record, checkpoint=str(latest[-1]) if latest else None).to_dict()
    return found


def _likelihood(descent: Descent, model: GenerativeModel, split: str) -> Record | None:
    test = descent.config["test"]
    return validate(
        model,
        descent.data,
        split=split,
        num_particles=test["num_particles"],
        batch_size=test["batch_size"],
        seed=descent.config["seed"],
        progress=lambda batches, total: track(batches, total, description=split, console=descent.console),
    )


def _said(part: StepCallback, descent: Descent) -> dict[str, Any]:
    """What a callback has to tell at the end."""
    if isinstance(part, Guard):
        return {"rollbacks": part.rollbacks}
    if isinstance(part, Watch):
        return {"last": descent.module.scalars(), "warnings": part.warnings}
    return {}
