"""Fixed splits: by a frozen permutation for known data sets, by a hash of the name for a user's own files."""

from __future__ import annotations

import hashlib
import os
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from genlab.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable


def held_out(n: int, size: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut `size` of `n` examples off; both index arrays ascend.

    ``RandomState`` is used because NumPy freezes its stream (NEP 19): the split is the same on every machine.

    Returns:
        ``(kept, held)`` int64 arrays of ``n - size`` and ``size`` indices.

    Raises:
        ConfigError: if not ``1 <= size < n``.
    """
    if not 1 <= size < n:
        raise ConfigError(f"data.val_size={size}: give a number from 1 to {n - 1} (there are {n} training examples)")
    order = np.random.RandomState(seed).permutation(n)
    return np.sort(order[size:]), np.sort(order[:size])


def name_hash(name: str) -> int:
    """64 bits that depend on the name alone, so that a new file moves none of the old ones."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8).digest(), "big")


def by_name(names: Iterable[str], fractions: tuple[float, ...]) -> list[list[str]]:
    """Deal names out by their hash: one list per fraction, then the rest.

    Each list has its share of the hash range, so a new file moves no old one. Where that leaves a list empty, or the
    rest not the longest (tiny folders), the names are ranked by their hash instead and counted off, one at least to
    each list. Names keep their order within a list.

    Args:
        names: distinct names, more of them than `fractions`.
        fractions: shares of all names, in 0..1, summing to less than 1.

    Returns:
        ``len(fractions) + 1`` lists; the last one is the rest (what is trained on).
    """
    names = list(names)
    hashes = {name: name_hash(name) for name in names}
    bounds, rest = np.cumsum(fractions), len(fractions)
    place = {name: int(np.searchsorted(bounds, h / 2**64, side="right")) for name, h in hashes.items()}
    counts = np.bincount(list(place.values()), minlength=rest + 1).tolist()
    if min(counts) == 0 or counts.index(max(counts)) != rest:
        ranked = iter(sorted(names, key=lambda name: (hashes[name], name)))
        place = dict.fromkeys(names, rest)
        for part, fraction in enumerate(fractions):
            place.update(dict.fromkeys(islice(ranked, max(1, int(fraction * len(names)))), part))
    return [[name for name in names if place[name] == part] for part in range(rest + 1)]
