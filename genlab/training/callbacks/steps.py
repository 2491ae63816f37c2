"""Learning rates at the start, and scalars every so many steps: the first callback."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytorch_lightning as pl

from genlab.training.callbacks.in_turn import StepCallback


class Steps(StepCallback):
    """Every ``every`` steps logs the losses with their terms and the learning rates.

    The values logged are those of that step, not averages since the last row, so that a resumed run writes the very
    rows of the straight one.
    """

    def __init__(self, *, every: int, epochs: Callable[[int], float]) -> None:
        self.every = every
        self.epochs = epochs

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Set learning rates: an override on resume counts."""
        schedules = {config.scheduler.optimizer: config.scheduler for config in trainer.lr_scheduler_configs}
        for recipe, optimiser in zip(pl_module.recipes.values(), trainer.optimizers, strict=True):
            schedule = schedules.get(optimiser)
            if schedule is not None:
                schedule.base_lrs = [recipe.lr] * len(schedule.base_lrs)
            for group in optimiser.param_groups:
                group["lr"] = recipe.lr
                if schedule is not None:
                    group["initial_lr"] = recipe.lr
                    group["lr"] = recipe.lr * schedule.lr_lambdas[0](schedule.last_epoch)  # type: ignore[attr-defined]

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Log if due."""
        step = pl_module.batches_done
        if step % self.every == 0 and trainer.loggers:
            pairs = zip(pl_module.recipes, trainer.optimizers, strict=True)
            rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in pairs}
            pl_module.when_known(partial(self._log, trainer, pl_module, step, rates))

    def _log(self, trainer: pl.Trainer, pl_module: Any, step: int, rates: dict[str, float]) -> None:
        losses = {f"train/{name}": value for name, value in pl_module.scalars().items()}
        for logger in trainer.loggers:
            logger.log_metrics({"epoch": self.epochs(step), **losses, **rates}, step=step)
