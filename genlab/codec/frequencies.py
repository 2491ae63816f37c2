"""Probabilities as integers: what writer and reader have to agree on to the last bit.

A coder cuts an interval by probabilities, and whoever reads with others reads nonsense. A model's pass gives other
last bits with another batch size, number of threads or device, and even in float64 a rounded probability would be
another one now and then. So log-probabilities are rounded first, and coarsely:

    k_v = round((max_u l_u - l_v) / GRID)          integers
    w_v = round(2^30 exp(-k_v GRID))               integers, from a table that is computed in exact arithmetic

What follows, the coder's cumulative frequencies of 24 bits included, is arithmetic on integers and on doubles that hold
them exactly. Passes in float64 were seen to differ by 4e-14, so that a value lies that close to a rounding's edge about
once in 10^11 times. A rounding by h costs ``h^2 / 24`` nats of a value or less: 6e-7.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.errors import ConfigError

STEPS = 256
"""Of the grid in a nat: GRID = 1 / STEPS."""

PRECISION = 24
"""Bits of the coder's frequencies; every level has at least one of 2^24."""

LOWEST = 20
"""Nats below the likeliest level at which probabilities are cut: less than a frequency of one."""

MOST_LEVELS = 1 << 12
"""Levels that a value may have: each takes a frequency of one at least, 2^12 of 2^24 together cost 0.02%."""


@lru_cache(maxsize=1)
def _powers() -> np.ndarray:
    """``round(2^30 exp(-k / STEPS))`` for k = 0 ... LOWEST STEPS, float64 that hold integers; the last one is 0."""
    with localcontext() as context:
        context.prec = 40
        ratio = (Decimal(-1) / STEPS).exp()
        power, found = Decimal(1 << 30), []
        for _ in range(LOWEST * STEPS):
            found.append(int(power.to_integral_value()))
            power *= ratio
    return np.array([*found, 0], np.float64)


def weights(log_p: Tensor) -> np.ndarray:
    """``(N, L) float64`` integers in proportion to the probabilities of which ``log_p (N, L)`` are the logarithms.

    Raises:
        ValueError: a row says nothing: it is not finite.
    """
    top = log_p.max(1, keepdim=True).values
    if not bool(torch.isfinite(top).all()):
        raise ValueError("the model's probabilities are not finite")
    k = ((top - log_p.double()) * STEPS).round().clamp_(max=LOWEST * STEPS)
    return _powers()[k.to(torch.int32).contiguous().numpy()]  # constriction misreads rows that are not in a row


def constriction() -> Any:
    """The library whose coders are used.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import constriction as library
    except ImportError as error:
        raise ConfigError(f"compression needs constriction ({error}): pip install 'genlab[codec]'") from error
    return library


def categorical() -> Any:
    """The coder's model of values whose `weights` are given beside them."""
    return constriction().stream.model.Categorical(perfect=False)
