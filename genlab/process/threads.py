"""How many threads compute: as many as the work is worth and the machine has free, and they wait without spinning.

GNU's OpenMP, which PyTorch's Linux wheels bring, lets threads that have done their share spin until the others have
done theirs. Beside other work the others are not even running: on two cores at a load of 11 a step of 35 ms with one
thread took 200 to 400 ms with two that spin, and 37 ms with two that sleep.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SMALL = 5e7
"""Multiplications of a forward pass over one batch below which a second thread costs more than it brings."""

_STAT = Path("/proc/stat")
_begun: tuple[float, float, float, float] | None = None


def prepare() -> None:
    """Let threads sleep while they wait, and begin to look at the machine's load; before PyTorch is imported."""
    global _begun
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _begun = _look()


def choose(*, asked: int | None, before: int | None, work: float, processes: int, external: bool) -> tuple[int, str]:
    """The number of threads of this process, and why.

    Args:
        asked: ``trainer.threads``.
        before: the number that the run had so far: with another one, sums are rounded otherwise, and the resumed run
            is not bit for bit the straight one.
        work: multiplications of a forward pass over one batch; infinite where it is not known.
        processes: that share this machine's cores.
        external: a launcher has started them, each at its own time: the load, which each would see otherwise, is left
            out.
    """
    if asked is not None:
        return asked, "trainer.threads"
    if before is not None:
        return before, "as the run had before; trainer.threads changes it"
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if told.isdecimal() and int(told) > 0:
        return int(told), "OMP_NUM_THREADS"
    cores = available()
    of = f"of {cores} cores"
    if work < SMALL:
        return 1, f"{of}: the network is small"
    load = 0.0 if external else busy()
    number = max(1, min(cores, (os.cpu_count() or 1) - round(load)) // processes)
    return number, f"{of}, of which others keep {load:.1f} busy" if round(load) > 0 else of


def multiplications(parameters: Mapping[str, Any], *, positions: int, batch: int) -> float:
    """About how many a forward pass takes: each weight once per example, of a convolution once per position, too.

    Args:
        parameters: tensors by name.
        positions: pixels of an example.
        batch: examples.
    """
    return float(batch * sum(each.numel() * (positions if each.dim() == 4 else 1) for each in parameters.values()))


def available() -> int:
    """Cores that this process may use: of the machine, its mask, and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no container, or "max"
        return cores


def busy() -> float:
    """Cores that other processes keep busy: since `prepare`, or in the last minute where that cannot be seen."""
    now = _look()
    if _begun is None or now is None or now[1] <= _begun[1] or now[2] - _begun[2] < 0.5:
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    used, total, wall, own = (after - before for after, before in zip(now, _begun, strict=True))
    return max(0.0, used / total * (os.cpu_count() or 1) - own / wall)


def _look() -> tuple[float, float, float, float] | None:
    """The machine's busy and total ticks, the time, and this process's seconds of computing."""
    try:
        ticks = [int(word) for word in _STAT.read_text().partition("\n")[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = sum(ticks[3:5])
    return sum(ticks) - idle, sum(ticks), time.monotonic(), time.process_time()
