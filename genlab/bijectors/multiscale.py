"""The multi-scale architecture: latents leave at every scale.

"Density Estimation using Real NVP", L. Dinh, J. Sohl-Dickstein, S. Bengio, 2017, https://arxiv.org/abs/1605.08803
(section 3.6)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genlab.bijectors.base import Bijector, Transformed, members


class MultiScale(Bijector):
    """``h_0 = x``, ``(z_i, h_i) = f_i(h_{i-1})``, ``z_L = f_L(h_{L-1})``, ``z = (z_1, ..., z_L)`` as one vector.

    Half of the channels of each ``f_i(h)``, i < L, leave as ``z_i`` and half go on, so that each scale handles half as
    many numbers as the one before and the coarse structure is decided last. All log-determinants add up.

    Args:
        scales: ``f_1 ... f_L``; each but the last squeezes once, ``(C, H, W) -> (4 C, H / 2, W / 2)``, and the last
            keeps its shape.
        shape: ``(C, H, W)`` of x.
    """

    def __init__(self, scales: Sequence[Bijector], *, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.scales = nn.ModuleList(scales)
        channels, height, width = shape
        self.shapes: list[tuple[int, int, int]] = []
        """Of ``z_1 ... z_L``; ``h_i`` has that of ``z_i``."""
        for _ in scales[:-1]:
            channels, height, width = 2 * channels, height // 2, width // 2
            self.shapes.append((channels, height, width))
        self.shapes.append((channels, height, width))

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """``(B, C, H, W) -> (B, D)``."""
        *scales, last = members(self.scales)
        log_det, parts = x.new_zeros(len(x)), []
        for scale in scales:
            h, own = scale.forward_and_log_det(x, c)
            z, x = h.chunk(2, 1)
            parts.append(z.flatten(1))
            log_det = log_det + own
        z, own = last.forward_and_log_det(x, c)
        return Transformed(torch.cat([*parts, z.flatten(1)], 1), log_det + own)

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """``(B, D) -> (B, C, H, W)``."""
        pieces = z.split([math.prod(shape) for shape in self.shapes], 1)
        *parts, h = (piece.view(-1, *shape) for piece, shape in zip(pieces, self.shapes, strict=True))
        *scales, last = members(self.scales)
        h, log_det = last.inverse_and_log_det(h, c)
        for scale, part in zip(reversed(scales), reversed(parts), strict=True):
            h, own = scale.inverse_and_log_det(torch.cat([part, h], 1), c)
            log_det = log_det + own
        return Transformed(h, log_det)
