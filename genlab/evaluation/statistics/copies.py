"""Runs of symbols that stand in another text verbatim.

Of each text the longest run that also stands in the training text is found by hashes of runs that grow by a symbol at a
time: a run that stands there stands there without its last symbol, too, so that the places where longer ones can begin
grow fewer, and all but the first few lengths cost next to nothing.

    h(s_i ... s_(i+l-1)) = b^(-i) sum_(j=i)^(i+l-1) v(s_j) b^j   mod 2^64,     b odd

is known of every run from one cumulative sum ("Efficient Randomized Pattern-Matching Algorithms", R. M. Karp,
M. O. Rabin, 1987, https://doi.org/10.1147/rd.312.0249); ``v`` is a scrambled number of each symbol.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

START = 8
"""The first length that is looked for; what has no run of it is looked at from 1 on."""

CHUNK = 1 << 20
"""Places whose hashes are computed together."""

SLOTS = 22
"""Bits of a hash that tell at once that most places have none of the runs that are looked for."""

BASE = np.uint64(0x9E3779B97F4A7C15)


class _Hashes:
    """Hashes of all runs of a text; 16 bytes for each of its symbols."""

    def __init__(self, symbols: np.ndarray) -> None:
        powers = np.full(len(symbols), BASE)
        inverse = np.full(len(symbols), np.uint64(pow(int(BASE), -1, 1 << 64)))
        powers[:1] = inverse[:1] = 1
        self.inverse = np.multiply.accumulate(inverse)
        self.sums = np.zeros(len(symbols) + 1, np.uint64)
        np.cumsum(_scrambled(symbols) * np.multiply.accumulate(powers), out=self.sums[1:])

    def at(self, places: np.ndarray, size: int) -> np.ndarray:
        """Of the runs of ``size`` that begin at ``places``."""
        return (self.sums[places + size] - self.sums[places]) * self.inverse[places]


def _scrambled(symbols: np.ndarray) -> np.ndarray:
    """A number of 64 bits for each symbol.

    "Fast Splittable Pseudorandom Number Generators", G. L. Steele, D. Lea, C. H. Flood, 2014,
    https://doi.org/10.1145/2660193.2660195
    """
    z = symbols.astype(np.int64).view(np.uint64) + BASE
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Runs(NamedTuple):
    """The longest runs of texts.

    Attributes:
        length: ``(n,) int64``.
        place: ``(n,) int64``, where one of that length begins in its text.
    """

    length: np.ndarray
    place: np.ndarray


def longest_runs(texts: Sequence[np.ndarray], known: np.ndarray) -> Runs:
    """The longest run of each text that stands in ``known``.

    Args:
        texts: integers, ``(L_i,)`` each.
        known: integers, ``(M,)``; a number that no text has ends what can be a run.
    """
    lengths = np.array([len(text) for text in texts], np.int64)
    best, first = np.zeros(len(texts), np.int64), lengths.cumsum() - lengths
    where = first.copy()
    if len(known) and lengths.sum():
        owner = np.repeat(np.arange(len(texts)), lengths)
        ours, theirs = _Hashes(np.concatenate(texts)), _Hashes(known)
        for start in (START, 1):
            looked_at = np.flatnonzero(best[owner] == 0)
            for size, at in _growing(looked_at, (first + lengths)[owner], ours, theirs, size=start):
                best[owner[at]], where[owner[at]] = size, at
    return Runs(best, where - first)


def _growing(
    at: np.ndarray, ends: np.ndarray, ours: _Hashes, theirs: _Hashes, *, size: int
) -> Iterator[tuple[int, np.ndarray]]:
    """By ``size`` and all above it, at which of the places ``at`` a run begins that ends before ``ends``."""
    places = None
    while True:
        at = at[at + size <= ends[at]]
        if not len(at):
            return
        wanted, which = np.unique(ours.at(at, size), return_inverse=True)
        there, places = _found(wanted, theirs, places, size)
        at = at[there[which]]
        yield size, at
        size += 1


def _found(wanted: np.ndarray, text: _Hashes, places: np.ndarray | None, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the hashes ``wanted``, in ascending order, are of runs of a text, and at which of ``places``.

    ``places`` None: anywhere.
    """
    low = np.uint64((1 << SLOTS) - 1)
    maybe = np.zeros(1 << SLOTS, bool)
    maybe[wanted & low] = True
    there, kept = np.zeros(len(wanted), bool), []
    count = len(text.inverse) if places is None else len(places)
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        at = np.arange(first, last) if places is None else places[first:last]
        at = at[at + size <= len(text.inverse)]
        hashes = text.at(at, size)
        near = maybe[hashes & low]
        at, hashes = at[near], hashes[near]
        slot = np.searchsorted(wanted, hashes).clip(max=len(wanted) - 1)
        same = wanted[slot] == hashes
        there[slot[same]] = True
        kept.append(at[same])
    return there, np.concatenate(kept)
