"""Shifts by whole numbers, which keep integers integers.

"Integer Discrete Flows and Lossless Compression", E. Hoogeboom, J. W. T. Peters, R. van den Berg, M. Welling, 2019,
https://arxiv.org/abs/1905.07376 (sections 3.1 and 3.2)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Round(torch.autograd.Function):
    """To the nearest integer; the gradient passes as if it were the identity (Bengio et al., 2013)."""

    @staticmethod
    def forward(ctx: Any, t: Tensor) -> Tensor:
        return t.round()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def rounded(t: Tensor) -> Tensor:
    """``t`` to the nearest integer, with a straight-through gradient."""
    return _Round.apply(t)


class RoundedShift(nn.Module):
    """``round(step * net(h / unit))``: a network that reads and gives integers, for `AdditiveCoupling`.

    With it a coupling is a bijection of ``Z^D``: sums of integers are exact in floating point, below 2^24 in float32.
    The network runs in its parameters' precision, outside autocast: a shift that was rounded from another precision
    would be another map.

    Args:
        net: ``(B, n + K, ...) -> (B, moved, ...)``.
        integers: n, how many of the features are integers; the others (a mask, a context) are read as they are.
        unit: integers per unit of what the network reads.
        step: integers per unit of what it gives.
    """

    def __init__(self, net: nn.Module, *, integers: int, unit: float, step: float) -> None:
        super().__init__()
        self.net = net
        self.integers = integers
        self.unit = unit
        self.step = step

    def forward(self, h: Tensor) -> Tensor:
        """``(B, n + K, ...) -> (B, moved, ...)``, integers."""
        h = torch.cat((h[:, : self.integers] / self.unit, h[:, self.integers :]), 1)
        with torch.autocast(h.device.type, enabled=False):
            return rounded(self.step * self.net(h))
