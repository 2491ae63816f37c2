"""Checkpoints on step boundaries, and what signals do."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from genlab.data.batches import Place
from genlab.errors import Interrupted
from genlab.process import signals
from genlab.training.callbacks.in_turn import StepCallback
from genlab.training.callbacks.validation import Validation
from genlab.training.checkpoint_io import save, save_best

PATIENCE = 5.0
"""Seconds after which a process that is not the first obeys a signal by itself."""


class Checkpoints(StepCallback):
    """Writes a checkpoint at the start, every so many steps or seconds, at the end, and when a signal asks to stop.

    The signals of `genlab.process.signals` let the step under way finish, save, and raise `Interrupted`; a second
    SIGINT exits at once. Of several processes the first one saves and ends, and the others end with it.
    It must be the last callback, so that what it saves is the whole state after a step.

    Args:
        folder: the run's ``checkpoints``.
        meta: what makes the file self-contained: format, version, config, data spec.
        every_n_steps, every_seconds: either, both or none.
        keep: how many step checkpoints stay; beside them, ``best.ckpt`` has the least validation value so far.
        last_step: the run's final step.
        place: where in its data the run is after a step: another number of devices does not change what it has seen.
        validation: where validation values come from.
        begun: when this process began the run, ``time.monotonic()``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        meta: dict[str, Any],
        every_n_steps: int | None,
        every_seconds: float | None,
        keep: int,
        last_step: int,
        place: Callable[[int], Place],
        validation: Validation,
        begun: float,
    ) -> None:
        self.folder = folder
        self.meta = meta
        self.every_n_steps = every_n_steps
        self.every_seconds = every_seconds
        self.keep = keep
        self.last_step = last_step
        self.place = place
        self.validation = validation
        self.asked: int | None = None
        self._asked_at = 0.0
        self.best = math.inf
        self._begun = begun
        self._before = 0.0
        self._saved_step = -1
        self._saved_at = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The least validation value, so that a resumed run replaces ``best.ckpt`` only by a better one; the time."""
        return {"best": self.best, "seconds": self.seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.best, self._before = state_dict["best"], state_dict["seconds"]

    def seconds(self) -> float:
        """Wall time of the run so far: of this process, and of those before it up to their last checkpoints."""
        return self._before + time.monotonic() - self._begun

    def install(self) -> None:
        """Take the signals: from now on they wait for the end of a step."""
        signals.take(self._handle)

    def release(self, step: int) -> None:
        """Let signals raise at once again: the last ``step`` is behind and saved.

        Raises:
            Interrupted: one has asked meanwhile.
        """

        def interrupt(signum: int, _: FrameType | None) -> None:
            self.asked = signum
            raise self.interrupted(step)

        signals.take(interrupt)
        if self.asked is not None:
            raise self.interrupted(step)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.asked == signal.SIGINT and signum == signal.SIGINT:
            signals.leave(signum)
        self.asked = signals.asked = signum
        self._asked_at = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Save once before the first step: a full disk shows now, and every started run can be resumed."""
        self.install()
        self._saved_at = time.monotonic()
        self._save(trainer, pl_module)

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Save if due; stop if asked."""
        if pl_module.pending:
            return  # half-accumulated gradients are in no checkpoint
        step = pl_module.batches_done
        due = step == self.last_step or (self.every_n_steps is not None and step % self.every_n_steps == 0)
        if self.every_seconds is not None and time.monotonic() - self._saved_at > self.every_seconds:
            due = True
        value = self.validation.criterion
        if value is not None and value < self.best and self.validation.due(step):
            self.best = value
            if trainer.is_global_zero:
                save_best(trainer, self.folder, step=step, meta=self._about(step))
        if due:
            self._save(trainer, pl_module)
        if self._obeys(trainer):
            self.stop(trainer, pl_module)

    def _obeys(self, trainer: pl.Trainer) -> bool:
        """Whether to stop now: a further process leaves the first one the time to save what needs them all."""
        return self.asked is not None and (trainer.is_global_zero or time.monotonic() - self._asked_at > PATIENCE)

    def watch(self, items: Iterable, trainer: pl.Trainer, pl_module: Any) -> Iterator:
        """Yield ``items``, stopping between two of them when a signal has asked: for work between steps."""
        for item in items:
            if self._obeys(trainer) and not pl_module.pending:  # half an update is in no checkpoint
                self.stop(trainer, pl_module)
            yield item

    def stop(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Save and raise `Interrupted`."""
        self._save(trainer, pl_module)
        raise self.interrupted(pl_module.batches_done)

    def interrupted(self, step: int) -> Interrupted:
        """What to raise for the signal that asked, once ``step`` is saved."""
        assert self.asked is not None
        name = signal.Signals(self.asked).name
        return Interrupted(
            f"{name} at step {step}; saved. Go on with: genlab train resume={self.folder.parent}", signum=self.asked
        )

    def _save(self, trainer: pl.Trainer, pl_module: Any) -> None:
        step = pl_module.batches_done
        if trainer.is_global_zero and step != self._saved_step:
            save(trainer, self.folder, step=step, meta=self._about(step), keep=self.keep)
        self._saved_step, self._saved_at = step, time.monotonic()

    def _about(self, step: int) -> dict[str, Any]:
        place = self.place(step)
        return {**self.meta, "epoch": place.epoch, "examples": place.examples}
