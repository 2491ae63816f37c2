"""Training with one loss and one optimiser: VAE, PixelCNN, flow, energy-based model."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genlab.data.loader import Batch
from genlab.errors import TrainingError
from genlab.objectives.base import Loss, Objective, Recoverable
from genlab.seeding import derive
from genlab.training.optim import OptimiserRecipe


class SingleLoss(pl.LightningModule):
    """``step -> loss -> gradient -> update`` of built objects; no family and no config is known here.

    Args:
        model: what is trained.
        objective: ``(model, batch, step) -> Loss``.
        optimiser: how.
        seed: with step and rank, seeds the random state of every step.
        total_steps: of the whole run, for schedules.
        ema_decay: keep an exponential moving average of the weights, or None.
        compiled: run the loss through ``torch.compile``.
        fused: use fused optimiser kernels.

    Attributes:
        batches_done: number of training batches that are behind the current weights.
        last: the loss of the latest step.
        scored: the model that is evaluated and sampled: the averaged one where there is one.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        *,
        optimiser: OptimiserRecipe,
        seed: int,
        total_steps: int,
        ema_decay: float | None = None,
        compiled: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self.optimiser = optimiser
        self.seed = seed
        self.total_steps = total_steps
        self.fused = fused
        objective.prepare(model)
        # copied from rank 0 at every step otherwise: a replay buffer is large, and the same on all ranks already
        self._ddp_params_and_buffers_to_ignore = [f"objective.{name}" for name, _ in objective.named_buffers()]
        self.averaged: AveragedModel | None = None
        if ema_decay is not None:
            # torch's own average as a submodule: in the checkpoint by construction, and nothing to swap
            self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay), use_buffers=False)
            self.averaged.requires_grad_(requires_grad=False)
        self.batches_done = 0
        self.last: Loss | None = None
        self._loss = torch.compile(objective) if compiled else objective
        self._unchecked: tuple[int, Loss] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning sets this name 40 times a step, and nn.Module searches parameters and buffers each time
        if name in {"_current_fx_name", "last", "batches_done", "_unchecked", "_loss"}:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    @property
    def scored(self) -> nn.Module:
        """The model that is evaluated and sampled."""
        return self.model if self.averaged is None else self.averaged.module

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move the batch; on the CPU there is nothing to do."""
        return batch if device.type == "cpu" else batch.to(device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch.

        Raises:
            TrainingError: a non-finite loss; the weights are those of the step before. A `Recoverable` objective has
                a guard in place of that.
        """
        seed = derive(self.seed, "step", self.batches_done, self.global_rank)
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # manual_seed() also visits every absent accelerator
        else:
            torch.manual_seed(seed)
        loss = self._loss(self.model, batch, step=self.batches_done)
        self.last = loss
        if isinstance(self.objective, Recoverable):
            return loss.value  # a guard looks at it after the step, and goes back
        if self.device.type == "cpu":
            check_finite(loss, step=self.batches_done)
        else:
            # an accelerator runs behind: look at the step before, whose value has arrived, and never wait
            previous, self._unchecked = self._unchecked, (self.batches_done, loss)
            if previous is not None:
                check_finite(previous[1], step=previous[0])
        return loss.value

    def end_step(self, *, updated: bool) -> None:
        """Count the batch; after an optimiser step also average the weights. The first callback calls it."""
        self.batches_done += 1
        if updated and self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Any) -> None:
        """Drop the gradients; `Optimizer.zero_grad` spends its time on profiler hooks."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def configure_optimizers(self) -> Any:
        """The optimiser and, unless constant, its schedule per optimiser step."""
        optimiser = self.optimiser.build(self.model.parameters(), fused=self.fused)
        factor = self.optimiser.factor(self.total_steps)
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
