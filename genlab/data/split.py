"""Fixed splits: by a frozen permutation for known data sets, by a hash of the name for a user's own files."""

from __future__ import annotations

import hashlib
import os
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

    Each list has its share of the hash range, and at least one name where there are more names than lists: then
    the names with the lowest hash of the rest fill the empty lists. Names keep their order within a list.

    Args:
        names: distinct names.
        fractions: shares of all names, in 0..1, summing to less than 1.

    Returns:
        ``len(fractions) + 1`` lists; the last one is the rest (what is trained on).
    """
    names = list(names)
    hashes = {name: name_hash(name) for name in names}
    bounds = np.cumsum(fractions)
    place = {name: int(np.searchsorted(bounds, h / 2**64, side="right")) for name, h in hashes.items()}
    rest = len(fractions)
    if len(names) > rest:
        by_hash = sorted(names, key=lambda name: (hashes[name], name))
        for part in (rest, *range(rest)):
            if part not in place.values():
                counts = [sum(p == q for p in place.values()) for q in range(rest + 1)]
                largest = max(range(rest + 1), key=counts.__getitem__)
                donor = next(name for name in by_hash if place[name] == largest)
                place[donor] = part
    return [[name for name in names if place[name] == part] for part in range(rest + 1)]
