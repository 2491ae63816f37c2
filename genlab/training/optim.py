"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn
from torch.optim import Optimizer

from genlab.signatures.ranges import NonNegative, NonNegativeFloat, PositiveFloat, Unit


@dataclass(frozen=True)
class OptimiserRecipe:
    """An optimiser with its schedule; the schema of the nodes ``optim`` and ``players.NAME`` is read from here.

    Attributes:
        name: "adam", "adamw", "adamax" or "sgd" (with momentum ``betas[0]``).
        lr: peak learning rate.
        betas: decay rates of the moments.
        weight_decay: decoupled for adamw, L2 otherwise.
        schedule: "constant", or "cosine"/"linear" to zero at the last step; "constant_linear": linear to zero in the
            second half only.
        warmup_steps: the learning rate grows linearly from 0 over these steps.
        skip_above: updates are left out whose gradient has a norm of more than this many times its running average; the
            average follows, so that no run stalls; null: none is.
    """

    name: Literal["adam", "adamw", "adamax", "sgd"] = "adam"
    lr: PositiveFloat = 1e-3
    betas: Annotated[Sequence[Unit], Field(min_length=2, max_length=2)] = (0.9, 0.999)
    weight_decay: NonNegativeFloat = 0.0
    schedule: Literal["constant", "cosine", "linear", "constant_linear"] = "constant"
    warmup_steps: NonNegative = 0
    skip_above: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = None

    def build(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> Optimizer:
        """The optimiser; ``fused`` updates all tensors in one kernel where PyTorch has one."""
        parameters = list(parameters)
        first, second = self.betas
        if self.name == "sgd":
            return torch.optim.SGD(
                parameters, lr=self.lr, momentum=first, weight_decay=self.weight_decay, fused=fused or None
            )
        if self.name == "adamax":
            return torch.optim.Adamax(parameters, lr=self.lr, betas=(first, second), weight_decay=self.weight_decay)
        kind = torch.optim.AdamW if self.name == "adamw" else torch.optim.Adam
        return kind(parameters, lr=self.lr, betas=(first, second), weight_decay=self.weight_decay, fused=fused or None)

    def factor(self, total_steps: int) -> Callable[[int], float] | None:
        """``step -> multiplier`` of the learning rate; None when it is constantly 1."""
        if self.schedule == "constant" and self.warmup_steps == 0:
            return None

        def multiplier(step: int) -> float:
            if step < self.warmup_steps:
                return (step + 1) / self.warmup_steps
            done = min(1.0, (step - self.warmup_steps) / max(1, total_steps - self.warmup_steps))
            if self.schedule == "cosine":
                return 0.5 * (1 + math.cos(math.pi * done))
            if self.schedule == "constant_linear":
                return min(1.0, 2 * (1 - done))
            return 1.0 - done if self.schedule == "linear" else 1.0

        return multiplier
