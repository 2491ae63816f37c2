"""Coupling layers: one part of x is moved by an amount that the other part decides.

"NICE: Non-linear Independent Components Estimation", L. Dinh, D. Krueger, Y. Bengio, 2015,
https://arxiv.org/abs/1410.8516 (additive)
"Density Estimation using Real NVP", L. Dinh, J. Sohl-Dickstein, S. Bengio, 2017, https://arxiv.org/abs/1605.08803
(affine)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.bijectors.base import Bijector, Transformed
from genlab.bijectors.moments import per_feature
from genlab.bijectors.partition import Partition


class AffineCoupling(Bijector):
    """``z_A = x_A``, ``z_B = x_B * exp(s(x_A)) + t(x_A)``; ``log |det dz/dx| = sum_B s(x_A)``.

    ``s = c tanh(raw)`` with a learned ``c`` per feature (section 4.1 of the paper): the scale of a layer is bounded.

    Args:
        partition: what is A and what is B.
        net: ``condition (B, inputs, ...) -> (B, 2 moved, ...)``: raw scale and shift, stacked along the features.
    """

    def __init__(self, partition: Partition, net: nn.Module) -> None:
        super().__init__()
        self.partition = partition
        self.net = net
        self.bound = nn.Parameter(torch.ones(partition.moved))

    def _scale_and_shift(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.net(condition.to(self.bound.dtype)).to(condition.dtype)  # the network alone may be in bfloat16
        s, t = raw.chunk(2, 1)
        s = per_feature(self.bound, s) * torch.tanh(s)
        return self.partition.restrict(s), self.partition.restrict(t)

    def forward_and_log_det(self, x: Tensor) -> Transformed:
        """Scale and shift B."""
        condition, moved = self.partition.split(x)
        s, t = self._scale_and_shift(condition)
        return Transformed(self.partition.merge(condition, moved * torch.exp(s) + t), s.flatten(1).sum(1))

    def inverse_and_log_det(self, z: Tensor) -> Transformed:
        """``x_B = (z_B - t(z_A)) * exp(-s(z_A))``: A has not moved, so s and t are those of the way there."""
        condition, moved = self.partition.split(z)
        s, t = self._scale_and_shift(condition)
        return Transformed(self.partition.merge(condition, (moved - t) * torch.exp(-s)), -s.flatten(1).sum(1))


class AdditiveCoupling(Bijector):
    """``z_A = x_A``, ``z_B = x_B + t(x_A)``; volume-preserving: ``log |det dz/dx| = 0``.

    Args:
        partition: what is A and what is B.
        net: ``condition (B, inputs, ...) -> (B, moved, ...)``: the shift t.
    """

    def __init__(self, partition: Partition, net: nn.Module) -> None:
        super().__init__()
        self.partition = partition
        self.net = net

    def _moved(self, x: Tensor, sign: int) -> Transformed:
        condition, moved = self.partition.split(x)
        t = self.partition.restrict(self.net(condition.to(next(self.net.parameters()).dtype)).to(x.dtype))
        return Transformed(self.partition.merge(condition, moved + sign * t), x.new_zeros(len(x)))

    def forward_and_log_det(self, x: Tensor) -> Transformed:
        """Shift B."""
        return self._moved(x, 1)

    def inverse_and_log_det(self, z: Tensor) -> Transformed:
        """Shift B back."""
        return self._moved(z, -1)
