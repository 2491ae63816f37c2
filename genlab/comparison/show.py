"""Numbers as text."""

from __future__ import annotations

import math

from genlab.numerals import HUGE


def significant(value: float) -> str:
    """Three or four significant digits, without an exponent where that is readable."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, 3 - size)}f}" if -4 <= size < 7 else f"{value:.3g}"


def whole(value: float) -> str:
    """A count."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:.1f}%"


def duration(value: float) -> str:
    """``38 s``, ``12 min`` or ``3.4 h``."""
    if value < 10:
        return f"{value:.2g} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def probability(value: float) -> str:
    """Three decimals."""
    return f"{value:.3f}"


def two_digits(value: float) -> str:
    """Two significant digits."""
    rounded = f"{value:#.2g}".rstrip(".")
    return f"{value:,.0f}" if "e+" in rounded and abs(value) < HUGE else rounded
