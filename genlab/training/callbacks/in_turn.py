"""Several callbacks as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback


class StepCallback(Callback):
    """A callback that is told of every step; Lightning's own hooks see windows of several."""

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """A step has ended; ``pl_module.batches_done`` counts it."""


class Chain(Callback):
    """Calls its parts in order, for the hooks that genlab uses."""

    def __init__(self, parts: Sequence[StepCallback]) -> None:
        self.parts = list(parts)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Forward."""
        for part in self.parts:
            part.on_train_start(trainer, pl_module)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """The end of a window's last step."""
        self.end_step(trainer, pl_module)

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Forward."""
        for part in self.parts:
            part.end_step(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Forward."""
        for part in self.parts:
            part.on_train_end(trainer, pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Forward."""
        for part in self.parts:
            part.on_exception(trainer, pl_module, exception)

    def state_dict(self) -> dict[str, Any]:
        """The parts' states by class name."""
        return {type(part).__name__: state for part in self.parts if (state := part.state_dict())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        for part in self.parts:
            if type(part).__name__ in state_dict:
                part.load_state_dict(state_dict[type(part).__name__])
