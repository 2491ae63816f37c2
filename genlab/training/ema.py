"""Averaging weights along a run."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = tuple[Tensor, ...] | list[Tensor]


def ramped(decay: float, updates: int) -> float:
    """``min(decay, (1 + t) / (10 + t))`` after ``t`` updates: a young average forgets the untrained weights quickly.

    With a constant decay of 0.999, the weights of step 0 still make up a third of the average after 1,000 updates.
    """
    return min(decay, (1 + updates) / (10 + updates))


def moving_average(model: nn.Module, *, decay: float, updates: Callable[[], int]) -> AveragedModel:
    """An exponential moving average of ``model``'s weights: a submodule, so in the checkpoint by construction.

    Args:
        model: whose weights; buffers are copied, not averaged.
        decay: what remains of the average at each update, in the long run; see `ramped`.
        updates: the number of updates so far, asked at each one: a number of the run and not of this process.

    Returns:
        The average, without gradients; ``update_parameters(model)`` after each update.
    """

    def average(averaged: Tensors, current: Tensors, num_averaged: Tensor | int) -> None:
        get_ema_multi_avg_fn(ramped(decay, updates()))(averaged, current, num_averaged)

    copy = AveragedModel(model, multi_avg_fn=average, use_buffers=False)
    return copy.requires_grad_(requires_grad=False)
