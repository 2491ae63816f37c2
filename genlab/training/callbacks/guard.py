"""Goes back to the last good state when training diverges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch

from genlab.errors import TrainingError
from genlab.training.callbacks.in_turn import StepCallback


class Guard(StepCallback):
    """Keeps a snapshot of a good state; when the objective has diverged, restores it and lets the objective retreat.

    The snapshot (weights, averaged weights, buffers, moments of the optimiser) is part of the checkpoint, so a killed
    and resumed run goes back to the very state that the straight run would have gone back to; a checkpoint is about
    twice as large for it. The step count goes on after a rollback, and seeds and batches follow from it: the steps
    after a rollback are not the ones that diverged.

    Args:
        every: steps between snapshots.
        max_rollbacks: a further one ends the run.
        report: is told each rollback, in one line.

    Attributes:
        rollbacks: the steps after which training went back.
    """

    def __init__(self, *, every: int, max_rollbacks: int, report: Callable[[str], None]) -> None:
        self.every = every
        self.max_rollbacks = max_rollbacks
        self.report = report
        self.rollbacks: list[int] = []
        self._snapshot: dict[str, Any] | None = None
        self._candidate: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The rollbacks so far, the snapshot, and the one that waits for its proof."""
        return {"rollbacks": self.rollbacks, "snapshot": self._snapshot, "candidate": self._candidate}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.rollbacks, self._snapshot = state_dict["rollbacks"], state_dict["snapshot"]
        self._candidate = state_dict["candidate"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """The state before the first step is good."""
        if self._snapshot is None:
            self._snapshot = self._copy(trainer, pl_module)

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Go back if any rank has diverged; keep this state if it is due.

        A step's loss judges the weights before its update: a state counts as good only when the next step's loss has
        passed.

        Raises:
            TrainingError: it has diverged once more than `max_rollbacks`.
        """
        pl_module.settle()  # whether to go back is decided at every step
        diverged = pl_module.objective.diverged(pl_module.last)
        if trainer.strategy.reduce_boolean_decision(diverged, all=False):
            self._candidate = None
            self._go_back(trainer, pl_module)
            return
        if self._candidate is not None:
            self._snapshot, self._candidate = self._candidate, None
        if pl_module.batches_done % self.every == 0 and not pl_module.pending:
            self._candidate = self._copy(trainer, pl_module)

    def _copy(self, trainer: pl.Trainer, pl_module: Any) -> dict[str, Any]:
        return {
            "step": pl_module.batches_done,
            "state": _copied(pl_module.state_dict()),
            "optimiser": _copied(trainer.optimizers[0].state_dict()["state"]),
        }

    def _go_back(self, trainer: pl.Trainer, pl_module: Any) -> None:
        assert self._snapshot is not None
        step, snapshot = pl_module.batches_done, self._snapshot
        said = ", ".join(f"{name} {term.item():.4g}" for name, term in pl_module.last.terms.items())
        if len(self.rollbacks) >= self.max_rollbacks:
            before = f" after {len(self.rollbacks)} rollbacks" if self.rollbacks else ""
            raise TrainingError(
                f"training diverged at step {step} ({said}){before}; the last good checkpoint is kept: start again "
                "with a smaller optim.lr or model.step_size, objective.energy_penalty=1 or model.spectral_norm=true"
            )
        self.rollbacks.append(step)
        pl_module.load_state_dict(snapshot["state"])
        optimiser = trainer.optimizers[0]
        groups = optimiser.state_dict()["param_groups"]  # the schedule goes on with the step count
        optimiser.load_state_dict({"state": _copied(snapshot["optimiser"]), "param_groups": groups})
        optimiser.zero_grad()
        if pl_module.device_steps is not None:
            pl_module.device_steps.forget()
        pl_module.pending = 0
        for model in {pl_module.model, pl_module.scored}:
            more = pl_module.objective.retreat(model, rollbacks=len(self.rollbacks))
        for logger in trainer.loggers:
            logger.log_metrics({"rollbacks": len(self.rollbacks)}, step=step)
        self.report(
            f"guard    diverged at step {step} ({said}): back to the weights of step {snapshot['step']}, "
            f"{more} (rollback {len(self.rollbacks)} of at most {self.max_rollbacks})"
        )


def _copied(value: Any) -> Any:
    """Nested dicts with every tensor cloned."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value
