"""What a computation costs: its rate, and the most memory that it held."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import torch

from genlab.evaluation.statistics.estimate import Estimate

MIB = 2**20


def rate(run: Callable[[], object], *, examples: int, device: torch.device, seconds: float, at_least: int) -> Estimate:
    """Examples per second of ``run()``, which deals with ``examples`` at a time; by the median of repeated runs.

    One run warms up. The median, because another program on the machine disturbs the mean far more. Its error (see
    `median`) holds what differs from run to run, and not what drifts over minutes: a second measurement, at another
    hour, may lie many such errors away.

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
    return median([examples / each for each in found])


def median(values: Sequence[float]) -> Estimate:
    """The median of n > 1 independent values, its error from their order alone: no outlier and no tail enlarges it.

    For the c-th least and the c-th greatest value, ``tail = P(Binomial(n, 1/2) < c)`` is the probability that the true
    median lies below the one, and above the other; had the median a Gaussian error, they would be ``2 z`` errors apart,
    with ``tail = P(Gaussian < -z)``. Here ``c = (n + 1) / 2 - sqrt(n)``, where z is about 2.

    Price and Bonett, "Estimating the variance of the sample median", 2001,
    https://doi.org/10.1080/00949650108812071
    """
    ordered, n = sorted(values), len(values)
    c = max(1, round((n + 1) / 2 - math.sqrt(n)))
    fewer = torch.arange(c, dtype=torch.float64)
    total = torch.tensor(n + 1.0, dtype=torch.float64)
    ways = torch.lgamma(total) - torch.lgamma(fewer + 1) - torch.lgamma(total - fewer)  # log of n over 0 ... c - 1
    tail = (ways - n * math.log(2)).logsumexp(0).exp().item()
    z = -NormalDist().inv_cdf(tail)
    return Estimate(statistics.median(ordered), (ordered[n - c] - ordered[c - 1]) / (2 * z))


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
