"""Coupling layers: one part of x is moved by an amount that the other part decides.

"NICE: Non-linear Independent Components Estimation", L. Dinh, D. Krueger, Y. Bengio, 2015,
https://arxiv.org/abs/1410.8516 (additive)
"Density Estimation using Real NVP", L. Dinh, J. Sohl-Dickstein, S. Bengio, 2017, https://arxiv.org/abs/1605.08803
(affine)
"Learning Likelihoods with Conditional Normalizing Flows", C. Winkler, D. Worrall, E. Hoogeboom, M. Welling, 2019,
https://arxiv.org/abs/1912.00042 (conditional)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.bijectors.base import Bijector, Transformed
from genlab.bijectors.moments import per_feature
from genlab.bijectors.partition import Partition


def beside(h: Tensor, c: Tensor | None) -> Tensor:
    """``h: (B, n, ...)`` and behind it ``c: (B, K)``, the same everywhere: ``(B, n + K, ...)``; h without c."""
    if c is None:
        return h
    c = c.to(h.dtype).view(*c.shape, *(1,) * (h.dim() - 2))
    return torch.cat([h, c.expand(-1, -1, *h.shape[2:])], 1)


class AffineCoupling(Bijector):
    """``z_A = x_A``, ``z_B = x_B * exp(s(x_A)) + t(x_A)``; ``log |det dz/dx| = sum_B s(x_A)``.

    ``s = c tanh(raw)`` with a learned ``c`` per feature (section 4.1 of the paper): the scale of a layer is bounded.

    Args:
        partition: what is A and what is B.
        net: ``condition (B, inputs, ...) -> (B, 2 moved, ...)``: raw scale and shift, stacked along the features; with
            a context it reads ``inputs + K`` features.
    """

    def __init__(self, partition: Partition, net: nn.Module) -> None:
        super().__init__()
        self.partition = partition
        self.net = net
        self.bound = nn.Parameter(torch.ones(partition.moved))

    def _scale_and_shift(self, condition: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
        # the network alone may be in bfloat16
        raw = self.net(beside(condition, c).to(self.bound.dtype)).to(condition.dtype)
        s, t = raw.chunk(2, 1)
        s = per_feature(self.bound, s) * torch.tanh(s)
        return self.partition.restrict(s), self.partition.restrict(t)

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """Scale and shift B."""
        condition, moved = self.partition.split(x)
        s, t = self._scale_and_shift(condition, c)
        return Transformed(self.partition.merge(condition, moved * torch.exp(s) + t), s.flatten(1).sum(1))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """``x_B = (z_B - t(z_A)) * exp(-s(z_A))``: A has not moved, so s and t are those of the way there."""
        condition, moved = self.partition.split(z)
        s, t = self._scale_and_shift(condition, c)
        return Transformed(self.partition.merge(condition, (moved - t) * torch.exp(-s)), -s.flatten(1).sum(1))


class AdditiveCoupling(Bijector):
    """``z_A = x_A``, ``z_B = x_B + t(x_A)``; volume-preserving: ``log |det dz/dx| = 0``.

    Args:
        partition: what is A and what is B.
        net: ``condition (B, inputs, ...) -> (B, moved, ...)``: the shift t; a context as in `AffineCoupling`.
    """

    def __init__(self, partition: Partition, net: nn.Module) -> None:
        super().__init__()
        self.partition = partition
        self.net = net

    def _moved(self, x: Tensor, c: Tensor | None, sign: int) -> Transformed:
        condition, moved = self.partition.split(x)
        t = self.partition.restrict(self.net(beside(condition, c).to(next(self.net.parameters()).dtype)).to(x.dtype))
        return Transformed(self.partition.merge(condition, moved + sign * t), x.new_zeros(len(x)))

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """Shift B."""
        return self._moved(x, c, 1)

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """Shift B back."""
        return self._moved(z, c, -1)
