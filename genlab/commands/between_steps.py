"""What happens between the steps of a run: logs, watching, validations, a bar, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from genlab.commands.descent import Descent
from genlab.commands.notes import report
from genlab.evaluation.artefacts.draw import draw
from genlab.evaluation.record import Record
from genlab.evaluation.validate import validate
from genlab.objectives.base import Recoverable
from genlab.runs import directory
from genlab.training.callbacks.checkpoints import Checkpoints
from genlab.training.callbacks.guard import Guard
from genlab.training.callbacks.in_turn import Chain, StepCallback
from genlab.training.callbacks.progress_bar import ProgressBar
from genlab.training.callbacks.steps import Steps
from genlab.training.callbacks.validation import Measure, Score, Validation, by_likelihood
from genlab.training.callbacks.watch import Watch
from genlab.training.game import GameLoss

PARTICLES = 1
"""Validation during training is the plain ELBO; the run's end scores both splits with ``test.num_particles``."""

AT_ONCE, VALUES_AT_ONCE = 1000, 1 << 22
"""Examples that a validation scores together, and numbers that they may have together."""


def attach(descent: Descent, *, meta: dict[str, Any], begun: float) -> Checkpoints:
    """Give the run its callbacks, in the order in which a step is answered; the last of them, which keeps it all.

    Args:
        descent: the run.
        meta: of its checkpoints; see `genlab.commands.continued.meta`.
        begun: when this process began the run, ``time.monotonic()``.
    """
    config, trainer, module, loader = descent.config, descent.trainer, descent.module, descent.loader
    options, guarded = config["trainer"], config["callbacks"]["guard"]
    told = partial(report, descent.console)

    def score(model: nn.Module) -> Record | None:
        return validate(
            model,
            descent.data,
            split="val",
            num_particles=PARTICLES,
            batch_size=max(1, min(AT_ONCE, VALUES_AT_ONCE // descent.data.spec.dim)),
            seed=config["seed"],
            progress=lambda batches, total: checkpoints.watch(batches, trainer, module),
        )

    validation = _validation(descent, score)
    checkpoints = Checkpoints(
        descent.run_dir / directory.CHECKPOINTS,
        meta=meta,
        **config["callbacks"]["checkpoint"],
        last_step=loader.num_steps,
        place=loader.place,
        validation=validation,
        begun=begun,
    )
    callbacks: list[StepCallback] = [Steps(every=options["log_every_n_steps"], epochs=loader.epochs)]
    if isinstance(module.objective, Recoverable):
        callbacks.append(Guard(every=guarded["every_n_steps"], max_rollbacks=guarded["max_rollbacks"], report=told))
    if isinstance(module, GameLoss):
        callbacks.append(Watch(report=told))
    callbacks.append(validation)
    if options["enable_progress_bar"] and trainer.is_global_zero:
        callbacks.append(ProgressBar(total=loader.num_steps, epochs=loader.epochs, console=descent.console))
    chain = Chain([*callbacks, checkpoints])
    module.on_step_end = partial(chain.end_step, trainer, module)
    trainer.callbacks = [chain]  # type: ignore[attr-defined]
    return checkpoints


def _validation(descent: Descent, score: Score) -> Validation:
    config, data, loader = descent.config, descent.data, descent.loader
    steps, epochs = config["trainer"]["val_check_interval"], config["trainer"]["check_val_every_n_epoch"]
    samples, told = config["callbacks"]["samples"]["n"], partial(report, descent.console)

    def due(step: int) -> bool:
        return loader.ends_epoch(step, every=epochs) if steps is None else step % steps == 0

    return Validation(
        every=due,
        last_step=loader.num_steps,
        score=score,
        measure=_measure(descent),
        draw=partial(draw, data=data, n=samples, seed=config["seed"], report=told),
        folder=descent.run_dir / "samples",
    )


def _measure(descent: Descent) -> Measure:
    """What a validation measures beside the likelihood."""
    config, module = descent.config, descent.module
    if not wants_metrics(config):
        return by_likelihood
    from genlab.commands.measures import Measures  # only who asks for metrics waits for them

    told = partial(report, descent.console)
    measures = Measures(config, module.model, descent.data, folder=descent.run_dir / "samples", report=told)
    return partial(measures, first=descent.trainer.is_global_zero)


def wants_metrics(config: Mapping[str, Any]) -> bool:
    """Whether validations of a run are to measure more than the likelihood."""
    node = config.get("validation")
    return node is not None and bool(node["metrics"] or node["best"])
