"""The C library's allocator, told to keep what is freed: a step needs the same arrays as the one before.

By default glibc maps large arrays anew and gives the top of its heap back; the kernel then clears each page again when
it is touched. What is kept depends on the order in which a process has freed so far, so that of two alike processes
one may take twice as long: scoring a VAE ran at 45% of the machine's peak or at 71%, by chance.
"""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of ``mallopt(3)``."""

MAPPED = 32 << 20
"""Bytes from which an array is mapped by itself: the most that glibc takes."""

KEPT = 256 << 20
"""Free bytes at the heap's end that are kept."""

CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES", "LD_PRELOAD")
"""Variables of the environment by which a user chooses how memory is kept, or another allocator."""


def prepare() -> bool:
    """Let this process keep freed memory; whether it does. Not where the user has chosen, and not without glibc."""
    if sys.platform != "linux" or any(os.environ.get(name) for name in CHOSEN):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_THRESHOLD, MAPPED)) and bool(mallopt(TRIM_THRESHOLD, KEPT))
