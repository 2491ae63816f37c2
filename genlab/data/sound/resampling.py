"""Sound at another rate."""

from __future__ import annotations

import math

import numpy as np


def resampled(x: np.ndarray, *, rate: int, to: int) -> np.ndarray:
    """``x (n,) float32`` of ``rate`` samples a second at the rate ``to``: ``(ceil(n to / rate),) float32``.

    A polyphase filter (Kaiser window) that removes what the new rate cannot hold: `scipy.signal.resample_poly`.
    """
    if rate == to:
        return x
    from scipy.signal import resample_poly

    common = math.gcd(rate, to)
    return resample_poly(x, to // common, rate // common).astype(np.float32)


def samples_at(samples: int, *, rate: int, to: int) -> int:
    """How many samples `resampled` makes."""
    return -(-samples * to // rate)
