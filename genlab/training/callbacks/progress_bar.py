"""The bar of training: steps, loss with its terms, speed and time left, at the cost of a clock read per step."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import Progress

from genlab.progress import REFRESH_SECONDS, bar, is_wide
from genlab.training.callbacks.in_turn import StepCallback

LINES = 10


class ProgressBar(StepCallback):
    """Draws the bar on a terminal; elsewhere prints a line at every tenth of the run."""

    def __init__(self, *, total: int, epochs: Callable[[int], float], console: Console) -> None:
        self.total = total
        self.epochs = epochs
        self.console = console
        self.progress: Progress | None = None
        self._drawn = 0.0
        self._begun = (0, 0.0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Open the bar at the step where the run begins."""
        self._begun = (pl_module.batches_done, time.monotonic())
        if self.console.is_terminal:
            self.progress = bar(self.console)
            self.progress.start()
            self.task = self.progress.add_task("train", total=self.total, completed=pl_module.batches_done, text="")

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Redraw twice a second, or print the tenths."""
        now, step = time.monotonic(), pl_module.batches_done
        if self.progress is not None:
            if now - self._drawn > REFRESH_SECONDS or step == self.total:
                self._drawn = now
                self.progress.update(self.task, completed=step, text=self._text(pl_module), refresh=True)
        elif step * LINES // self.total != (step - 1) * LINES // self.total:
            begun, since = self._begun
            left = (now - since) / max(1, step - begun) * (self.total - step)
            print(f"step {step}/{self.total}  {self._text(pl_module)}  ETA {left:.0f} s", file=sys.stderr, flush=True)

    def _text(self, pl_module: Any) -> str:
        parts = [f"{name} {value:.4g}" for name, value in pl_module.scalars().items()]
        if is_wide(self.console) or not self.console.is_terminal:
            parts.insert(0, f"epoch {self.epochs(pl_module.batches_done):.1f}")
        return "  ".join(parts)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Close the bar."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Close the bar, so that the message stands on a line of its own."""
        self._close()

    def _close(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
