"""Distributions on all integers.

"Integer Discrete Flows and Lossless Compression", E. Hoogeboom, J. W. T. Peters, R. van den Berg, M. Welling, 2019,
https://arxiv.org/abs/1905.07376 (section 3.3: discretised logistics)
"PixelCNN++", T. Salimans, A. Karpathy, X. Chen, D. P. Kingma, 2017, https://arxiv.org/abs/1701.05517 (mixtures of them)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.ops.random import Generators, uniform

LOWEST_LOG_SCALE = -3.5
"""Of a logistic, in integers: all but 1e-7 of its mass is at one of them if that is its location."""

EDGE = 1e-7
"""Uniform numbers are cut so far from 0 and 1 before they become logistic ones."""


class IntegerLogistics(NamedTuple):
    """Independent mixtures of K logistics, each integrated over the unit interval around every integer.

        P(z) = sum_k pi_k [sigmoid((z + 1/2 - mu_k) / s_k) - sigmoid((z - 1/2 - mu_k) / s_k)],   z in Z

    Attributes:
        logits: ``(B, K, ...)``: ``pi`` is their softmax.
        location: ``(B, K, ...)``: mu, in integers.
        log_scale: ``(B, K, ...)``: log s.
    """

    logits: Tensor
    location: Tensor
    log_scale: Tensor

    @classmethod
    def of(cls, raw: Tensor, *, levels: int) -> IntegerLogistics:
        """From a network's outputs ``(B, 3 K, ...)``, for integers that start as ``levels`` ones around 0.

        Outputs of zero are K logistics side by side, from the least of the levels to the greatest, as wide together as
        all of them: alike they would stay alike. Scales are bounded by `LOWEST_LOG_SCALE` and by ``levels``.
        """
        logits, location, raw_scale = raw.to(torch.promote_types(raw.dtype, torch.float32)).chunk(3, 1)
        k = logits.shape[1]
        low = -(levels // 2)
        ends = (low, low + levels - 1) if k > 1 else (0, 0)
        centres = torch.linspace(*ends, k, device=raw.device, dtype=location.dtype)
        span = math.log(levels) - LOWEST_LOG_SCALE
        start = (math.log(levels / (4 * k)) - LOWEST_LOG_SCALE) / span
        share = torch.sigmoid(raw_scale + math.log(start / (1 - start)))
        return cls(
            logits, levels / 2 * location + centres.view(-1, *[1] * (raw.dim() - 2)), LOWEST_LOG_SCALE + span * share
        )

    def log_prob(self, z: Tensor) -> Tensor:
        """``log P(z)`` of each integer of ``z: (B, ...)``, in nats; below no cancellation, far from mu as well."""
        inverse = torch.exp(-self.log_scale)
        centred = z[:, None] - self.location
        log_upper = F.logsigmoid((centred + 0.5) * inverse)
        log_lower = F.logsigmoid((0.5 - centred) * inverse)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
        terms = log_upper + log_lower + torch.log(-torch.expm1(-inverse))
        return (torch.log_softmax(self.logits, 1) + terms).logsumexp(1)

    def log_probs(self, low: int, high: int) -> Tensor:
        """``log P(z)`` of all z from ``low`` to ``high``: ``(B, ..., high - low + 1)`` nats."""
        like = self.location[:, 0]
        values = range(low, high + 1)
        return torch.stack([self.log_prob(torch.full_like(like, value)) for value in values], -1)

    def sample(self, *, generator: Generators, temperature: float = 1.0) -> Tensor:
        """Integers ``(B, ...)``, as floating point; scales are multiplied by the temperature."""
        n, _, *shape = self.location.shape
        like = self.location
        u = uniform(n, *shape, like=like, generator=generator)
        # a component is chosen by the inverse of the distribution function of pi
        below = self.logits.softmax(1).cumsum(1)[:, :-1]
        k = (u[:, None] >= below).sum(1, keepdim=True)
        location, log_scale = (each.gather(1, k).squeeze(1) for each in (self.location, self.log_scale))
        noise = torch.logit(uniform(n, *shape, like=like, generator=generator), eps=EDGE)
        return (location + temperature * log_scale.exp() * noise).round()
