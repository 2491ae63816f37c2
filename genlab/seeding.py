"""Seeds that are functions of what they are for, so that a resumed run draws what the straight run would have."""

from __future__ import annotations

import hashlib


def derive(seed: int, *parts: str | int) -> int:
    """A 63-bit seed from ``seed`` and the names or numbers of its use, e.g. ``derive(seed, "step", 17, rank)``."""
    text = "/".join([str(seed), *map(str, parts)]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1
