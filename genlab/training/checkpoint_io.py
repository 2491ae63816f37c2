"""Lightning's checkpoint plugin on top of `genlab.storage.checkpoint`: atomic, verified, never running foreign code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins import CheckpointIO

from genlab.storage import checkpoint


class VerifiedCheckpointIO(CheckpointIO):
    """Reads what `save` wrote; Lightning itself never writes here, so that no rank waits for another."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Refuse: checkpoints are written by `save`, on rank 0 and on step boundaries."""
        raise TypeError("checkpoints are written by genlab.training.checkpoint_io.save")

    def load_checkpoint(
        self,
        path: Any,
        map_location: Any | None = None,
        weights_only: bool | None = None,  # noqa: FBT001 - Lightning's signature
    ) -> dict[str, Any]:
        """The verified payload on the CPU, without Lightning's loop counters: the position is the step's."""
        state = checkpoint.read(Path(path))
        state.pop("loops", None)  # of another's file
        return state | {"pytorch-lightning_version": pl.__version__}  # nothing of ours is Lightning's to translate

    def remove_checkpoint(self, path: Any) -> None:
        """Remove one file."""
        Path(path).unlink(missing_ok=True)


def payload(trainer: pl.Trainer, *, step: int, meta: dict[str, Any]) -> dict[str, Any]:
    """Everything that a bit-identical continuation needs, as plain types and tensors.

    Taken on rank 0 alone: data-parallel ranks hold the same state, and a rank that is about to be stopped by a
    signal must not wait for the others. Hence `dump_checkpoint` and not `Trainer.save_checkpoint`, which has a barrier.
    Lightning's loop counters are left out: the loader's position and all random numbers follow from the step.
    """
    trainer.lightning_module.settle()  # type: ignore[operator] # what follows a loss that is not finite is not kept
    state = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
    state.pop("loops", None)
    state["global_step"] = step  # Lightning counts from the last resume
    state["genlab"] = {**meta, "step": step}
    return state


def save(trainer: pl.Trainer, folder: Path, *, step: int, meta: dict[str, Any], keep: int) -> Path:
    """Write ``step-<step>.ckpt`` and prune older ones."""
    return checkpoint.write_step(folder, step, payload(trainer, step=step, meta=meta), keep=keep)


def save_best(trainer: pl.Trainer, folder: Path, *, step: int, meta: dict[str, Any]) -> None:
    """Replace ``best.ckpt``."""
    checkpoint.write(folder / checkpoint.BEST, payload(trainer, step=step, meta=meta))
