"""From the unit interval to the whole line.

"Density Estimation using Real NVP", L. Dinh, J. Sohl-Dickstein, S. Bengio, 2017, https://arxiv.org/abs/1605.08803
(section 4.1, alpha = 0.05)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.bijectors.base import Bijector, Transformed


class Logit(Bijector):
    """``y = logit(p)``, ``p = alpha + (1 - 2 alpha) w``, entry by entry, ``w`` in [0, 1].

        log |det dy/dw| = sum_d log(1 - 2 alpha) - log p_d - log(1 - p_d)

    The paper writes ``1 - alpha``, which leaves ``w = 1`` at infinity; with ``1 - 2 alpha`` both ends are finite and
    alike. The inverse maps the whole line to ``(-alpha, 1 + alpha) / (1 - 2 alpha)`` around [0, 1]: a density on the
    line has some of its mass outside the data's range, which a likelihood loses and maximum likelihood moves inside.

    Args:
        alpha: between 0 and 1/2.
    """

    def __init__(self, *, alpha: float = 0.05) -> None:
        super().__init__()
        self.alpha = alpha
        self.slope = 1 - 2 * alpha

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """``(B, ...)`` in [0, 1] to the line."""
        # log p and log(1 - p), the latter without the cancellation near 1
        log_p = torch.log(self.alpha + self.slope * x)
        log_q = torch.log(self.alpha + self.slope * (1 - x))
        log_det = (math.log(self.slope) - log_p - log_q).flatten(1).sum(1)
        return Transformed(log_p - log_q, log_det)

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """``w = (sigmoid(y) - alpha) / (1 - 2 alpha)``."""
        log_p, log_q = torch.nn.functional.logsigmoid(z), torch.nn.functional.logsigmoid(-z)
        log_det = (log_p + log_q - math.log(self.slope)).flatten(1).sum(1)
        return Transformed((torch.sigmoid(z) - self.alpha) / self.slope, log_det)
