"""Numbers as text, for tables and end lines."""

from __future__ import annotations

HUGE = 1e7
"""From here on a number is written with an exponent: nobody reads 28 digits."""


def decimals(value: float, places: int = 4) -> str:
    """``84.8305``; with an exponent, ``3.7000e+17``, where the digits before the point would be too many to read."""
    return f"{value:.{places}{'f' if abs(value) < HUGE else 'e'}}"
