"""What followed which context: the counts of n-grams of all orders, as a tree of contexts read backwards.

A context of m symbols is its last m - 1 symbols, which is its parent, and one more, older than they are. So a context
is found from its parent, level by level, and the model of order m + 1 hangs on that of order m. Contexts are numbered
level by level: the roots first, which are empty contexts, then those of a symbol, of two, ...; the number of a context,
times the number of symbols, plus a symbol, is the key of either a longer context or of an n-gram. Keys ascend.

The beginning of an example is a symbol of its own, V, older than the first: ``(x_1, V)`` is the context of ``x_2``, and
the longest that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.integer]

AT_ONCE = 2**22
"""Positions that are sorted together: what bounds the memory beside the text and the tables."""


class Tables(NamedTuple):
    """The tree, or a level of it, as arrays; R roots, V symbols, 0 ... V - 1.

    Attributes:
        contexts: ``(C,) int64``, ascending keys ``parent (V + 1) + older symbol``, without those of the roots; the i-th
            has the number R + i.
        grams: ``(G,) int64``, ascending keys ``context V + symbol``.
        counts: ``(2, G) int32``: how often the symbol came after the context, and after how many different symbols
            context and symbol came together (0 for the longest contexts and those that begin an example).
        followers: ``(2, R + C, 4) int32`` of each context, for either kind of count: their sum, and how many symbols
            have count 1, 2, and 3 or more.
        tallies: ``(2, order, 4) int64``: of each level, how many n-grams have count 1, 2, 3 and 4, for either kind.
    """

    contexts: Array
    grams: Array
    counts: Array
    followers: Array
    tallies: Array


class ContextTree:
    """Counts the n-grams of a text, of one order after the other; at first of order 1.

    Args:
        text: ``(N,)`` symbols of all examples, and V before each that begins.
        roots: ``(N,)``, the root of each symbol's contexts.
        symbols: V.
        num_roots: R.
    """

    def __init__(self, text: Array, roots: Array, *, symbols: int, num_roots: int) -> None:
        self.text, self.symbols, self.num_roots = text, symbols, num_roots
        self.at = np.where(text == symbols, -1, roots).astype(np.int32)  # each position's context; -1: none as long
        self.levels: list[Tables] = []
        self.numbers = [0, num_roots]  # the first context of each level, and of the next
        self._count(np.empty(0, np.int64))

    @property
    def order(self) -> int:
        """Of the longest n-grams so far."""
        return len(self.levels)

    @property
    def size(self) -> int:
        """Distinct n-grams of all orders."""
        return sum(len(level.grams) for level in self.levels)

    def grow(self) -> bool:
        """Count n-grams of one more symbol; False: no position has a context as long."""
        keys, _ = counted(keys[keys >= 0] for _, keys in self._longer())
        if len(keys) == 0:
            return False
        for part, longer in self._longer():
            self.at[part] = np.where(longer >= 0, self.numbers[-1] + np.searchsorted(keys, longer), -1)
        self.numbers.append(self.numbers[-1] + len(keys))
        self._count(keys)
        return True

    def _longer(self) -> Iterator[tuple[slice, Array]]:
        """Keys of the contexts of one more symbol, by position; -1 where there is none."""
        long, stride = self.order, self.symbols + 1
        for part in self._parts():
            keys = np.full(part.stop - part.start, -1)
            first = max(part.start, long)
            if first < part.stop:
                at, older = self.at[first : part.stop], self.text[first - long : part.stop - long]
                goes_on = at >= 0
                if long > 1:  # what begins with an example has no older symbol
                    goes_on &= self.text[first - long + 1 : part.stop - long + 1] != self.symbols
                keys[first - part.start :] = np.where(goes_on, at.astype(np.int64) * stride + older, -1)
            yield part, keys

    def _parts(self) -> Iterator[slice]:
        for start in range(0, len(self.text), AT_ONCE):
            yield slice(start, min(start + AT_ONCE, len(self.text)))

    def _count(self, contexts: Array) -> None:
        """Count what follows the contexts of a new level, whose positions are known."""

        def keys() -> Iterator[Array]:
            for part in self._parts():
                at = self.at[part]
                yield (at.astype(np.int64) * self.symbols + self.text[part])[at >= 0]

        grams, times = counted(keys())
        if self.levels:  # the same symbols without the oldest: each differs from the others in that
            above = self.levels[-1].grams
            context, symbol = np.divmod(grams, self.symbols)
            parent = contexts[context - self.numbers[-2]] // (self.symbols + 1)
            shorter = np.searchsorted(above, parent * self.symbols + symbol)
            self._enter(1, np.bincount(shorter, minlength=len(above)))
        number = self.numbers[-1] - self.numbers[-2]
        shapes = ((2, len(grams)), np.int32), ((2, number, 4), np.int32), ((2, 1, 4), np.int64)
        self.levels.append(Tables(contexts, grams, *(np.zeros(shape, kind) for shape, kind in shapes)))
        self._enter(0, times)

    def _enter(self, kind: int, counts: Array) -> None:
        """Enter the counts of a kind into the last level, and what follows from them."""
        level, first = self.levels[-1], self.numbers[len(self.levels) - 1]
        level.counts[kind] = counts
        context = level.grams // self.symbols - first
        for i, weights in enumerate((counts, counts == 1, counts == 2, counts >= 3)):  # exact as float64
            level.followers[kind, :, i] = np.bincount(context, weights, level.followers.shape[1])
        level.tallies[kind, 0] = [(counts == n).sum() for n in (1, 2, 3, 4)]

    def tables(self, order: int) -> Tables:
        """The tree down to n-grams of ``order``."""
        kinds = zip(*self.levels[:order], strict=True)
        return Tables(*(np.concatenate(each, min(1, each[0].ndim - 1)) for each in kinds))


def counted(parts: Iterable[Array]) -> tuple[Array, Array]:
    """Distinct values, ascending, and how often each comes, ``int64``; not all parts are in memory at once."""
    values, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for part in parts:
        more, times = np.unique(part, return_counts=True)
        values, where = np.unique(np.concatenate([values, more]), return_inverse=True)
        counts = np.bincount(where, np.concatenate([counts, times])).astype(np.int64)
    return values, counts
