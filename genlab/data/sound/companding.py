"""Real samples of sound in [-1, 1] to integer levels and back, by a law.

Linear: ``levels`` cells of one width; a level is decoded to the middle of its cell. 16-bit samples are the levels of
65,536, from -1 on. Mu-law: with ``mu = levels - 1``

    F(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu),        F^-1(y) = sign(y) ((1 + mu)^|y| - 1) / mu

and levels lie evenly in F, the first at -1 and the last at 1, so that quiet samples have the finer steps.

ITU-T Recommendation G.711, "Pulse code modulation (PCM) of voice frequencies", 1988, https://www.itu.int/rec/T-REC-G.711
(which has mu = 255 in straight pieces); the curve itself as in A. van den Oord et al., "WaveNet: A Generative Model for
Raw Audio", 2016, https://arxiv.org/abs/1609.03499, section 2.2.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from genlab.data.spaces import Waveform

Law = Literal["mu-law", "linear"]


def encode(x: Tensor, *, levels: int, law: Law) -> Tensor:
    """The level of each sample, int64 of the same shape; what lies beyond -1 and 1 is cut.

    ``decode(encode(x))`` is within half a step of x, of the mu-law a step of F, and ``encode(decode(k)) == k``.

    Args:
        x: real samples.
        levels: how many there are, 2 or more.
        law: how they lie.
    """
    x = x.double().clamp(-1, 1)
    if law == "linear":
        return ((x + 1) * (levels / 2)).floor().long().clamp_(max=levels - 1)
    return ((compressed(x, mu=levels - 1) + 1) * ((levels - 1) / 2) + 0.5).floor().long()


def decode(k: Tensor, *, levels: int, law: Law) -> Tensor:
    """The sample that a level stands for, float64 in [-1, 1]; arguments as for `encode`."""
    if law == "linear":
        return (2 * k.double() + 1) / levels - 1
    y, mu = 2 * k.double() / (levels - 1) - 1, levels - 1
    return y.sign() * torch.expm1(y.abs() * math.log1p(mu)) / mu


def compressed(x: Tensor, *, mu: int) -> Tensor:
    """F of the mu-law: ``[-1, 1] -> [-1, 1]``."""
    return x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)


def heard(space: Waveform, x: Tensor) -> Tensor:
    """Samples of a space on the CPU as they are heard: float64 in [-1, 1], levels expanded, what is not finite is 0."""
    x = x.detach().cpu().double().nan_to_num(0.0)
    if space.levels is None:
        return x.clamp(-1, 1)
    return decode(x.clamp(0, space.levels - 1), levels=space.levels, law=space.companding)
