"""A learned scale per dimension.

"NICE: Non-linear Independent Components Estimation", L. Dinh, D. Krueger, Y. Bengio, 2015,
https://arxiv.org/abs/1410.8516 (section 3.3: additive couplings preserve volume, so the last layer must not)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.bijectors.base import Bijector, Transformed


class DiagonalScale(Bijector):
    """``z = exp(a) * x`` on vectors ``(B, D)``; ``log |det dz/dx| = sum_d a_d``.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dim))

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """Scale."""
        return Transformed(x * self.log_scale.exp(), self.log_scale.sum().to(x.dtype).expand(len(x)))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """Scale back."""
        return Transformed(z * torch.exp(-self.log_scale), -self.log_scale.sum().to(z.dtype).expand(len(z)))
