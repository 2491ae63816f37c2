"""Activation normalisation: an affine map per feature that starts from the statistics of the first batch.

"Glow: Generative Flow with Invertible 1x1 Convolutions", D. P. Kingma, P. Dhariwal, 2018,
https://arxiv.org/abs/1807.03039 (section 3.1)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genlab.bijectors.base import Bijector, Transformed
from genlab.bijectors.moments import moments, over_positions, per_feature


class ActNorm(Bijector):
    """``z = exp(a) * x + b`` with ``a, b`` per feature (channel): ``log |det dz/dx| = H W sum_c a_c``.

    The first batch in training mode sets a and b so that its own features leave with mean 0 and variance 1; from then
    on they are ordinary parameters. Data-parallel processes share the statistics of that batch, and whether it has
    been seen is a buffer, so that a resumed run does not start anew.

    Args:
        features: number of features (channels).
    """

    initialised: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(features))
        self.shift = nn.Parameter(torch.zeros(features))
        self.register_buffer("initialised", torch.tensor(0, dtype=torch.uint8))
        self._seen = False  # spares the look at the buffer, which waits for an accelerator

    def _load_from_state_dict(self, *args: Any) -> None:
        self._seen = False
        super()._load_from_state_dict(*args)

    @torch.no_grad()
    def _initialise(self, x: Tensor) -> None:
        mean, variance = moments(x)
        scale = torch.where(variance > 1e-12, variance, 1.0).rsqrt()  # a constant feature keeps its scale
        self.log_scale.copy_(scale.log())
        self.shift.copy_(-mean * scale)
        self.initialised.fill_(1)

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """Scale and shift; the first batch in training mode is looked at first."""
        if self.training and not self._seen:
            if not self.initialised.item():
                self._initialise(x)
            self._seen = True
        z = per_feature(self.log_scale.exp(), x) * x + per_feature(self.shift, x)
        return Transformed(z, over_positions(self.log_scale.sum(), x))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """``x = (z - b) * exp(-a)``."""
        x = (z - per_feature(self.shift, z)) * per_feature(torch.exp(-self.log_scale), z)
        return Transformed(x, over_positions(-self.log_scale.sum(), z))
