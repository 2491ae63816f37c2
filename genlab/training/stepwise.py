"""Steps on Lightning's trainer at the cost of a plain loop: what `SingleLoss` and games share.

Lightning visits some sixty hooks around every batch, which costs as much as a small network. So a "batch" of
Lightning is here a `Window` of consecutive steps, and optimisation is manual: devices, precision, data parallelism,
loggers and checkpoints stay Lightning's, the steps within a window are a Python loop.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import Precision
from pytorch_lightning.strategies import ParallelStrategy

from genlab.data.loader import Batch, BatchLoader
from genlab.seeding import derive

WINDOW = 16
"""Steps between two visits of Lightning, for one process in float32; others are visited at each step."""


def window_size(trainer: pl.Trainer) -> int:
    """How many steps go in one window: more than one where no context of Lightning's is around a step."""
    plain = type(trainer.precision_plugin) is Precision
    return WINDOW if plain and not isinstance(trainer.strategy, ParallelStrategy) else 1


class Window:
    """Consecutive batches, gathered when they are asked for.

    Args:
        batches: the run's batches; the next ``size`` are this window's.
        size: number of batches.
    """

    def __init__(self, batches: Iterator[Batch], size: int) -> None:
        self.size = size
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        return itertools.islice(self._batches, self.size)


class Windows:
    """A loader of windows over the batches of ``loader``: ``size`` each, the last one shorter."""

    def __init__(self, loader: BatchLoader, *, size: int) -> None:
        self.loader = loader
        self.size = size

    def __len__(self) -> int:
        return -(-len(self.loader) // self.size)

    def __iter__(self) -> Iterator[Window]:
        batches, left = iter(self.loader), len(self.loader)
        while left > 0:
            yield Window(batches, min(self.size, left))
            left -= self.size


class Stepwise(pl.LightningModule):
    """Counts, seeds and ends the steps of a run; a subclass says what a step is.

    The random state is seeded from (seed, step, rank) at every step, so that a resumed run draws what the straight
    run would have drawn.

    Args:
        seed: with step and rank, seeds the random state of every step.
        num_batches: of the whole run; gradients still accumulating at its last batch are used there.
        accumulate: batches whose gradients are averaged into one update.
        clip: maximal norm of the gradient, or None.

    Attributes:
        batches_done: number of training batches that are behind the current weights.
        pending: batches whose gradients wait for an update; 0 on every boundary where a checkpoint may be written.
        on_step_end: called after every step but the last of a window, which Lightning's own hook ends.
    """

    def __init__(self, *, seed: int, num_batches: int, accumulate: int = 1, clip: float | None = None) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.seed = seed
        self.num_batches = num_batches
        self.accumulate = accumulate
        self.clip = clip
        self.batches_done = 0
        self.pending = 0
        self.on_step_end: Callable[[], None] = lambda: None

    def __setattr__(self, name: str, value: Any) -> None:
        # nn.Module searches parameters and buffers at each assignment; these come many times a step
        if name in {"_current_fx_name", "batches_done", "pending", "last"}:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def transfer_batch_to_device(self, batch: Window, device: torch.device, dataloader_idx: int) -> Window:
        """Nothing yet: the window's batches are moved one by one."""
        return batch

    def training_step(self, window: Window, batch_idx: int) -> None:
        """Take the steps of one window.

        Raises:
            TrainingError: a non-finite loss; the weights are those of the step before.
        """
        device, plugin = self.device, self.trainer.precision_plugin
        converts = type(plugin) is not Precision
        for position, batch in enumerate(window, start=1):
            moved = batch if device.type == "cpu" else batch.to(device)
            seed = derive(self.seed, "step", self.batches_done, self.global_rank)
            if device.type == "cpu":
                torch.default_generator.manual_seed(seed)  # manual_seed() also visits every absent accelerator
            else:
                torch.manual_seed(seed)
            self.step(plugin.convert_input(moved) if converts else moved)
            self.batches_done += 1
            if position < window.size:
                self.on_step_end()

    @abstractmethod
    def step(self, batch: Batch) -> None:
        """One training step: losses, gradients, updates."""

    def ends_update(self) -> bool:
        """Count a batch's gradients; whether this batch completes an update."""
        self.pending += 1
        if self.pending == self.accumulate or self.batches_done + 1 == self.num_batches:
            self.pending = 0
            return True
        return False

    def synchronised(self, *, updates: bool) -> AbstractContextManager:
        """Around a backward pass: ranks exchange gradients only where an update follows."""
        strategy = self.trainer.strategy
        if updates or not isinstance(strategy, ParallelStrategy):
            return nullcontext()
        return strategy.block_backward_sync()

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Clip the gradient: by now it is unscaled and the same on all ranks."""
        if self.clip is not None:
            parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            torch.nn.utils.clip_grad_norm_(parameters, self.clip)


def drop_gradients(optimiser: torch.optim.Optimizer) -> None:
    """Forget the gradients; `Optimizer.zero_grad` spends its time on profiler hooks."""
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            parameter.grad = None
