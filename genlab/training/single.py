"""Training with one loss and one optimiser: VAE, PixelCNN, flow, energy-based model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from genlab.data.loader import Batch
from genlab.errors import TrainingError
from genlab.objectives.base import Loss, Objective, Recoverable
from genlab.training.averaging import moving_average
from genlab.training.optim import OptimiserRecipe
from genlab.training.stepwise import Stepwise, drop_gradients


class SingleLoss(Stepwise):
    """``step -> loss -> gradient -> update`` of built objects; no family and no config is known here.

    Args:
        model: what is trained.
        objective: ``(model, batch, step) -> Loss``.
        optimiser: how.
        seed, num_batches, accumulate, clip: as in `Stepwise`.
        ema_decay: keep an exponential moving average of the weights, or None.
        compiled: run the loss through ``torch.compile``.
        fused: use fused optimiser kernels.

    Attributes:
        last: the loss of the latest step.
        scored: the model that is evaluated and sampled: the averaged one where there is one.
    """

    _loss: Callable[..., Loss]

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        *,
        optimiser: OptimiserRecipe,
        seed: int,
        num_batches: int,
        accumulate: int = 1,
        clip: float | None = None,
        ema_decay: float | None = None,
        compiled: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__(seed=seed, num_batches=num_batches, accumulate=accumulate, clip=clip)
        self.model = model
        self.objective = objective
        self.optimiser = optimiser
        self.fused = fused
        objective.prepare(model)
        # copied from rank 0 at every step otherwise: a replay buffer is large, and the same on all ranks already
        self._ddp_params_and_buffers_to_ignore = [f"objective.{name}" for name, _ in objective.named_buffers()]
        self.averaged: AveragedModel | None = None
        if ema_decay is not None:
            self.averaged = moving_average(model, decay=ema_decay, updates=lambda: self.batches_done // accumulate)
        self.last: Loss | None = None
        # not as a submodule: the objective and its buffers would stand in every checkpoint twice
        object.__setattr__(self, "_loss", torch.compile(objective) if compiled else objective)
        self._unchecked: tuple[int, Loss] | None = None

    @property
    def scored(self) -> nn.Module:
        """The model that is evaluated and sampled."""
        return self.model if self.averaged is None else self.averaged.module

    def step(self, batch: Batch) -> None:
        """Loss, gradient and, unless gradients still accumulate, update."""
        optimiser: LightningOptimizer = self.optimizers()  # type: ignore[assignment]
        if self.pending == 0:
            drop_gradients(optimiser.optimizer)
        updates = self.ends_update()

        def backward() -> Tensor:
            with self.synchronised(updates=updates):
                loss = self.loss(batch)
                self.manual_backward(loss.value if self.accumulate == 1 else loss.value / self.accumulate)
            return loss.value

        if not updates:
            backward()
            return
        optimiser.step(closure=backward)
        for config in self.trainer.lr_scheduler_configs:
            config.scheduler.step()  # type: ignore[call-arg]
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def loss(self, batch: Batch) -> Loss:
        """The objective on one batch, checked.

        Raises:
            TrainingError: a non-finite loss; the weights are those of the step before. A `Recoverable` objective has
                a guard in place of that.
        """
        loss = self._loss(self.model, batch, step=self.batches_done)
        self.last = loss
        if isinstance(self.objective, Recoverable):
            return loss  # a guard looks at it after the step, and goes back
        if self.device.type == "cpu":
            check_finite(loss, step=self.batches_done)
        else:
            # an accelerator runs behind: look at the step before, whose value has arrived, and never wait
            previous, self._unchecked = self._unchecked, (self.batches_done, loss)
            if previous is not None:
                check_finite(previous[1], step=previous[0])
        return loss

    def on_train_end(self) -> None:
        """Look at the last loss of an accelerator, too."""
        if self._unchecked is not None:
            check_finite(self._unchecked[1], step=self._unchecked[0])

    def configure_optimizers(self) -> Any:
        """The optimiser and, unless constant, its schedule per optimiser step."""
        optimiser = self.optimiser.build(self.model.parameters(), fused=self.fused)
        factor = self.optimiser.factor(-(-self.num_batches // self.accumulate))
        if factor is None:
            return optimiser
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def check_finite(loss: Loss, *, step: int) -> None:
    """Raise TrainingError, naming step and term, if the loss is NaN or infinite."""
    if math.isfinite(loss.value.item()):
        return
    bad = [name for name, term in loss.terms.items() if not math.isfinite(term.item())]
    raise TrainingError(
        f"loss is {loss.value.item()} at step {step} (term {', '.join(bad) or 'value'}); the last good checkpoint is "
        "kept: go on from it with a smaller optim.lr, or set trainer.gradient_clip_val=1"
    )
