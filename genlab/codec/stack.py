"""A stack of bits (ANS) whose words can be scrambled, and of which the coder holds the upper part alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from genlab.codec.frequencies import constriction

SEED = 1901_04866
"""Of the bits that a stack begins with, and of pads."""

STATE = 2
"""Words that may be the coder's state: with more, no bit was drawn that was not there."""


def _random(words: int, *of: int) -> np.ndarray:
    """``(words,) uint32``, of a generator whose raw numbers stay the same in all versions."""
    return (np.random.PCG64([SEED, *of]).random_raw(words) >> np.uint64(32)).astype(np.uint32)


def first_words(words: int) -> np.ndarray:
    """What a stack begins with; it does not end with a word of zeros."""
    found = _random(words)
    found[-1] |= 1
    return found


class Stack:
    """Words under a coder's state.

    Args:
        words: uint32, the uppermost last and not 0.
        span: how many of them are read between two times that the stack is scrambled or renewed, at most.
    """

    def __init__(self, words: np.ndarray, span: int) -> None:
        self.span = span
        self._below: list[np.ndarray] = []
        self._new(words)

    def _new(self, words: np.ndarray) -> None:
        self.coder: Any = constriction().stream.stack.AnsCoder(words)

    @property
    def is_empty(self) -> bool:
        """Whether bits may have been drawn that were not there."""
        return not self._below and self.coder.num_words() <= STATE

    @property
    def bits(self) -> int:
        """That the stack holds."""
        return self.coder.num_valid_bits() + 32 * sum(map(len, self._below))

    def words(self) -> np.ndarray:
        """All of them."""
        return np.concatenate([*self._below, self.coder.get_compressed()])

    def renew(self) -> None:
        """Give the coder twice the span where there is as much, and no more than six times."""
        self._new(self._upper())

    def _upper(self) -> np.ndarray:
        upper = self.coder.get_compressed()
        while len(upper) < 2 * self.span and self._below:
            upper = np.concatenate([self._below.pop(), upper])
        while len(upper) > 6 * self.span:
            self._below.append(upper[: -4 * self.span].copy())
            upper = upper[-4 * self.span :]
        return upper

    def scramble(self, step: int) -> None:
        """Add a pad to the upper words, but for the last one, which must not become 0: twice is nothing at all."""
        upper = self._upper().copy()
        count = min(self.span, len(upper) - 1)
        upper[len(upper) - 1 - count : -1] ^= _random(count, step, 1)
        self._new(upper)
