"""Steps on Lightning's trainer at the cost of a plain loop: what `SingleLoss` and games share.

Lightning visits some sixty hooks around every batch, which costs as much as a small network. So a "batch" of
Lightning is here a `Window` of consecutive steps, and optimisation is manual: devices, precision, data parallelism,
loggers and checkpoints stay Lightning's, the steps within a window are a Python loop.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import Precision
from pytorch_lightning.strategies import ParallelStrategy
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from genlab.data.batches import Batch
from genlab.errors import TrainingError
from genlab.objectives.base import Goal, Loss
from genlab.seeding import derive
from genlab.training.ema import moving_average, ramped
from genlab.training.optim import OptimiserRecipe
from genlab.training.skip import skips
from genlab.training.windows import Window

if TYPE_CHECKING:
    from genlab.training.capture import Clock, DeviceSteps

WINDOW = 16
"""Steps between two visits of Lightning, for one process in float32; others are visited at each step."""


def window_size(trainer: pl.Trainer) -> int:
    """How many steps go in one window: more than one where no context of Lightning's is around a step."""
    plain = type(trainer.precision_plugin) is Precision
    return WINDOW if plain and not isinstance(trainer.strategy, ParallelStrategy) else 1


_OFTEN = {"_current_fx_name", "batches_done", "pending", "sharing", "clock", "last", "norms", "seen", "_held"}


class Stepwise(pl.LightningModule):
    """Counts, seeds and ends the steps of a run; a subclass says what a step is. No family and no config is known here.

    The random state is seeded from (seed, step, rank) at every step, so that a resumed run draws what the straight
    run would have drawn.

    Args:
        model: what is trained.
        objective: what for.
        recipes: the optimisers, by the names of their learning rates in the log.
        seed: with step and rank, seeds the random state of every step.
        num_batches: of the whole run; gradients still accumulating at its last batch are used there.
        accumulate: batches whose gradients are averaged into one update.
        clip: maximal norm of each optimiser's gradient, or None.
        ema_decay: keep an exponential moving average of the weights, or None.
        fused: use fused optimiser kernels.

    Attributes:
        batches_done: number of training batches that are behind the current weights.
        pending: batches whose gradients wait for an update; 0 on every boundary where a checkpoint may be written.
        sharing: batches of the update under way; the last one of a run may have fewer than ``accumulate``.
        on_step_end: called after every step but the last of a window, which Lightning's own hook ends.
        device_steps: takes the steps where the device gathers its own batches; None: they are taken here.
        clock: where a recorded step reads its numbers; None outside of one.
        SHOWN: attributes that a step sets for others to look at.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ()
    last: Any

    def __init__(
        self,
        model: nn.Module,
        objective: Goal,
        *,
        recipes: Mapping[str, OptimiserRecipe],
        seed: int,
        num_batches: int,
        accumulate: int = 1,
        clip: float | None = None,
        ema_decay: float | None = None,
        fused: bool = True,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.objective = objective
        self.recipes = dict(recipes)
        self.skips = skips([recipe.skip_above for recipe in recipes.values()])
        self.seed = seed
        self.num_batches = num_batches
        self.accumulate = accumulate
        self.clip = clip
        self.fused = fused
        self.batches_done = 0
        self.pending = 0
        self.sharing = accumulate
        self.on_step_end: Callable[[], None] = lambda: None
        self.device_steps: DeviceSteps | None = None
        self.clock: Clock | None = None
        objective.prepare(model)
        # copied from rank 0 at every step otherwise: a replay buffer is large, and the same on all ranks already
        self._ddp_params_and_buffers_to_ignore = [f"objective.{name}" for name, _ in objective.named_buffers()]
        self.averaged: AveragedModel | None = None
        self.ema_decay = ema_decay
        if ema_decay is not None:
            self.averaged = moving_average(model, decay=ema_decay, updates=lambda: self.batches_done // accumulate)
        self._unchecked: dict[str, tuple[int, Loss, str]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        # nn.Module searches parameters and buffers at each assignment; these come many times a step
        if name in _OFTEN:
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
            if isinstance(batch, int):
                assert self.device_steps is not None
                self.device_steps.take()
                self.batches_done += 1
                if position < window.size:
                    self.on_step_end()
                continue
            moved = batch if device.type == "cpu" else batch.to(device)
            self.reseed(self.batches_done)
            self.step(plugin.convert_input(moved) if converts else moved)
            self.batches_done += 1
            if position < window.size:
                self.on_step_end()

    @abstractmethod
    def step(self, batch: Batch) -> None:
        """One training step: losses, gradients, updates."""

    @abstractmethod
    def losses(self) -> dict[str, Loss]:
        """The losses of the step just taken, by name."""

    @abstractmethod
    def arrive(self, step: int, losses: dict[str, Loss]) -> None:
        """Remember and judge losses that a device gave at ``step``."""

    @abstractmethod
    def scalars(self) -> dict[str, float]:
        """Named numbers of the latest step (on a device: that is known), for the log and the bar."""

    @abstractmethod
    def parameters_of(self, name: str) -> Iterable[nn.Parameter]:
        """The parameters that the optimiser of ``recipes[name]`` updates."""

    @property
    def scored(self) -> nn.Module:
        """The model that is evaluated and sampled: the averaged one where there is one."""
        return self.model if self.averaged is None else self.averaged.module

    def turn(self) -> Any:
        """What kind of step is next: steps of a kind do the same to other numbers."""
        return None

    def position(self, step: int) -> int | Tensor:
        """The number of a step as an objective is told it: on a device that gathers its own batches a tensor."""
        return step if self.device_steps is None else self.device_steps.number

    def settle(self) -> None:
        """Wait for the losses of all steps so far, and judge them."""
        if self.device_steps is not None:
            self.device_steps.settle()

    def when_known(self, call: Callable[[], None]) -> None:
        """Call when the losses of the latest step are known: at once on the CPU, and nobody waits."""
        if self.device_steps is None:
            call()
        else:
            self.device_steps.when_known(call)

    def reseed(self, step: int, *use: str) -> None:
        """Set PyTorch's random state to that of ``step`` on this rank (and of one ``use`` within the step)."""
        if self.clock is not None and self.clock.take(use):
            return
        seed = derive(self.seed, "step", step, self.global_rank, *use)
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # manual_seed() also visits every absent accelerator
        else:
            torch.manual_seed(seed)

    def judge(self, loss: Loss, *, step: int, name: str = "loss", remedy: str = "optim.lr") -> None:
        """Raise TrainingError if the loss is NaN or infinite; on an accelerator, one step late."""
        if self.device_steps is not None:
            return  # `arrive` does
        if self.device.type == "cpu":
            check_finite(loss, step=step, name=name, remedy=remedy)
            return
        # an accelerator runs behind: look at the step before, whose value has arrived, and never wait
        before = self._unchecked.get(name)
        self._unchecked[name] = (step, loss, remedy)
        if before is not None:
            check_finite(before[1], step=before[0], name=name, remedy=before[2])

    def on_train_end(self) -> None:
        """Look at the last loss of an accelerator, too."""
        self.settle()
        for name, (step, loss, remedy) in self._unchecked.items():
            check_finite(loss, step=step, name=name, remedy=remedy)

    def end_update(self) -> None:
        """After the optimisers' steps: schedules and averaged weights."""
        if self.clock is None:
            self.schedule()
            if self.averaged is not None:
                self.averaged.update_parameters(self.model)
        elif self.averaged is not None:
            self.clock.average(self.averaged, self.model)

    def schedule(self) -> None:
        """The learning rates of the next update."""
        for config in self.trainer.lr_scheduler_configs:
            config.scheduler.step()  # type: ignore[call-arg]

    @property
    def decay(self) -> float:
        """What remains of the averaged weights at this update."""
        return 1.0 if self.ema_decay is None else ramped(self.ema_decay, self.batches_done // self.accumulate)

    def configure_optimizers(self) -> Any:
        """The optimisers and, unless constant, their schedules per update."""
        optimisers, schedules = [], []
        for name, recipe in self.recipes.items():
            optimisers.append(recipe.build(self.parameters_of(name), fused=self.fused))
            factor = recipe.factor(-(-self.num_batches // self.accumulate))
            if factor is not None:
                schedule = torch.optim.lr_scheduler.LambdaLR(optimisers[-1], factor)
                schedules.append({"scheduler": schedule, "interval": "step"})
        return optimisers, schedules

    def ends_update(self) -> bool:
        """Count a batch's gradients; whether this batch completes an update."""
        if self.pending == 0:
            self.sharing = min(self.accumulate, self.num_batches - self.batches_done)
        self.pending += 1
        if self.pending == self.sharing:
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
        """Leave out or clip the gradient: by now it is unscaled and the same on all ranks."""
        if self.clip is None and not self.skips:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        place = str([each is optimizer for each in self.trainer.optimizers].index(True))
        if place in self.skips:
            self.skips[place]([p.grad for p in parameters])
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, self.clip)


def drop_gradients(optimiser: torch.optim.Optimizer) -> None:
    """Forget the gradients; `Optimizer.zero_grad` spends its time on profiler hooks."""
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def check_finite(loss: Loss, *, step: int, name: str, remedy: str) -> None:
    """Raise TrainingError, naming step, loss and term, if the loss is NaN or infinite; ``remedy`` is a setting."""
    if math.isfinite(loss.value.item()):
        return
    bad = [term for term, value in loss.terms.items() if not math.isfinite(value.item())]
    raise TrainingError(
        f"{name} is {loss.value.item()} at step {step} (term {', '.join(bad) or 'value'}); the last good checkpoint is "
        f"kept: go on from it with a smaller {remedy}, or set trainer.gradient_clip_val=1"
    )
