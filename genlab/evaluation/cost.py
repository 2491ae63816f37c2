"""What a computation costs: its rate, and the most memory that it held."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from genlab.evaluation.estimate import Estimate

MIB = 2**20


def rate(run: Callable[[], object], *, examples: int, device: torch.device, seconds: float, at_least: int) -> Estimate:
    """Examples per second of ``run()``, which deals with ``examples`` at a time; by the median of repeated runs.

    One run warms up. The standard error is that of the median, 1.25 times that of the mean: another program on the
    machine disturbs the mean far more.

    Args:
        run: what is timed.
        examples: of one run.
        device: waited for.
        seconds: to go on repeating for.
        at_least: runs, however long they take.
    """

    def once() -> float:
        begun = time.perf_counter()
        run()
        wait(device)
        return time.perf_counter() - begun

    once()
    found: list[float] = []
    until = time.perf_counter() + seconds
    while len(found) < at_least or time.perf_counter() < until:
        found.append(once())
    rates = examples / torch.tensor(found, dtype=torch.float64)
    error = 1.25 * rates.std().item() / len(found) ** 0.5
    return Estimate(rates.median().item(), error)


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


@dataclass
class Peak:
    """The most memory that was held.

    Attributes:
        mib: the peak, MiB.
        before: what was held when it began, MiB.
        method: what was measured.
    """

    mib: float = 0.0
    before: float = 0.0
    method: str = ""


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """The peak of a block: of the allocator on a GPU, of the process (libraries and data included) on the CPU."""
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        peak.before = torch.cuda.memory_allocated(device) / MIB
        yield peak
        peak.mib, peak.method = torch.cuda.max_memory_allocated(device) / MIB, "held by PyTorch's allocator"
        return
    since = _forget_peak()
    peak.before = _resident("VmRSS")
    yield peak
    peak.mib, peak.method = _resident("VmHWM"), f"resident, libraries and data included, since {since}"


def _forget_peak() -> str:
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak is now what is resident
    except OSError:
        return "the process began"
    return "the work began"


def _resident(field: str) -> float:
    """MiB of ``VmRSS`` (now) or ``VmHWM`` (most); where there is no ``/proc``, the most in either case."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1]) / 1024
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MIB if sys.platform == "darwin" else most / 1024


def machine(device: torch.device) -> str:
    """``2 of 2 cores of an Intel Xeon ...``, or the GPU's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = named[0] if named else platform.processor() or platform.machine()
    where = "" if device.type == "cpu" else f" ({device.type})"
    return f"{torch.get_num_threads()} threads on {os.cpu_count()} cores, {name}{where}"
