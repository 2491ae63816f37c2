"""Validation on a step schedule, with pictures from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from torch import nn

from genlab.evaluation.artefacts.draw import Artefact
from genlab.evaluation.artefacts.grids import save
from genlab.evaluation.record import Record
from genlab.training.callbacks.in_turn import StepCallback
from genlab.training.loggers import CSVLog

Score = Callable[[nn.Module], Record | None]
"""The validation number of a model, if it can have one."""

Measure = Callable[[nn.Module, Record | None], tuple[list[Record], float | None]]
"""``(model, its validation number) ->`` further records, and the value of which the least makes the best checkpoint."""

Draw = Callable[[nn.Module], dict[str, Artefact]]
"""Named pictures of a model, and files of its samples."""


def by_likelihood(_: nn.Module, nll: Record | None) -> tuple[list[Record], float | None]:
    """A `Measure` of nothing else: the best is the likeliest."""
    return [], None if nll is None else nll.value


class Validation(StepCallback):
    """At the steps of ``every`` and at the last one: the validation record to the loggers, pictures to ``folder``.

    It runs between steps in plain code: Lightning's validation loop would bring loop state of its own into the
    checkpoint, and the same evaluation function serves here, at the end of the run and in ``genlab eval``.

    Args:
        every: whether a step ends with a validation.
        last_step: the run's final step.
        score: the validation number; every rank takes part in it.
        draw: the pictures; rank 0 alone draws them.
        measure: what else is scored; every rank takes part.
        folder: where ``step-<step>-<name>.png`` go, and what is heard, played or read.
    """

    def __init__(
        self,
        *,
        every: Callable[[int], bool],
        last_step: int,
        score: Score,
        draw: Draw,
        measure: Measure,
        folder: Path,
    ) -> None:
        self.every = every
        self.last_step = last_step
        self.score = score
        self.draw = draw
        self.measure = measure
        self.folder = folder
        self.latest: Record | None = None
        self.records: list[Record] = []
        self.criterion: float | None = None
        self.pictures: dict[str, Artefact] = {}

    def due(self, step: int) -> bool:
        """Whether ``step`` ends with a validation."""
        return step > 0 and (self.every(step) or step == self.last_step)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Make up for a validation that a kill cut off."""
        step = pl_module.batches_done
        log = next((logger for logger in trainer.loggers if isinstance(logger, CSVLog)), None)
        missing = self.due(step) and log is not None and not log.has("val/nll", step=step)
        if trainer.strategy.broadcast(missing):
            self.run(trainer, pl_module)

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Validate if due."""
        if self.due(pl_module.batches_done):
            self.run(trainer, pl_module)

    def run(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Score and draw now."""
        pl_module.settle()
        step = pl_module.batches_done
        self.latest = self.score(pl_module.scored)
        self.records, self.criterion = self.measure(pl_module.scored, self.latest)
        if self.records:
            for logger in trainer.loggers:
                logger.log_metrics({f"val/{record.metric}": record.value for record in self.records}, step=step)
        if self.latest is not None:
            for logger in trainer.loggers:
                logger.log_metrics(self.latest.scalars("val"), step=step)
        if trainer.is_global_zero:
            self.pictures = self.draw(pl_module.scored)
            show(self.pictures, trainer.loggers, folder=self.folder, step=step)


def show(pictures: Mapping[str, Artefact], loggers: Iterable[Any], *, folder: Path, step: int) -> None:
    """Write pictures as ``step-<step>-<name>.png`` and to TensorBoard, and files under the names that they have."""
    for name, made in pictures.items():
        save(folder, f"step-{step:08d}-{name}", made)
        for logger in loggers:
            if isinstance(logger, TensorBoardLogger) and isinstance(made, np.ndarray):
                logger.experiment.add_image(name, made, step, dataformats="HWC")
