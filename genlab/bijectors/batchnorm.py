"""Batch normalisation as a bijector.

"Density Estimation using Real NVP", L. Dinh, J. Sohl-Dickstein, S. Bengio, 2017, https://arxiv.org/abs/1605.08803
(section 3.7 and appendix E)
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.bijectors.base import Bijector, Transformed
from genlab.bijectors.moments import moments, over_positions, per_feature


class BatchNorm(Bijector):
    """``z = (x - m) / sqrt(v + eps)`` per feature (channel): ``log |det dz/dx| = -H W / 2 sum_c log(v_c + eps)``.

    ``m`` and ``v`` are running averages. In training they first take in the batch at hand,
    ``m <- rho m + (1 - rho) mean(x)``, and the gradient passes through the batch's share (appendix E of the paper);
    in evaluation they stand still. So the inverse of what a training step did is exact as well, and a batch of one
    example is no special case. Data-parallel processes average over all their examples.

    Args:
        features: number of features (channels).
        momentum: rho.
        eps: keeps a constant feature finite.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, features: int, *, momentum: float = 0.9, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """Normalise; in training with the batch taken into the running averages."""
        m, v = self.mean, self.variance
        if self.training:
            batch = moments(x)
            m = self.momentum * m + (1 - self.momentum) * batch.mean
            v = self.momentum * v + (1 - self.momentum) * batch.variance
            with torch.no_grad():
                self.mean.copy_(m)
                self.variance.copy_(v)
        z = (x - per_feature(m, x)) * per_feature((v + self.eps).rsqrt(), x)
        return Transformed(z, over_positions(-0.5 * (v + self.eps).log().sum(), x))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """``x = z sqrt(v + eps) + m``, with the averages as they stand."""
        v = self.variance + self.eps
        x = z * per_feature(v.sqrt(), z) + per_feature(self.mean, z)
        return Transformed(x, over_positions(0.5 * v.log().sum(), z))
