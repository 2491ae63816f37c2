"""Sizes of pictures that can be halved down to a small field; pure arithmetic, also for the config's check."""

from __future__ import annotations

LEAST, MOST = 8, 128
"""Sides of the pictures that a DCGAN makes."""

FIELD = range(4, 8)
"""Sides of the field that its first layer makes: 4 for powers of two, 7 for MNIST's 28 = 7 x 2 x 2."""


def doublings(*sides: int) -> int | None:
    """How often a field is doubled to give a picture of these ``sides``; None if no field of `FIELD` gives it."""
    if not all(LEAST <= side <= MOST for side in sides):
        return None
    for count in range(1, MOST.bit_length()):
        if all(side % 2**count == 0 and side // 2**count in FIELD for side in sides):
            return count
    return None
