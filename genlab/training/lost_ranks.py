"""Ranks that are lost: killed, stopped, or never come. Nobody waits for them in vain, and none is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from genlab.errors import Interrupted, TrainingError
from genlab.process import signals
from genlab.runs import ranks

GRACE = 10.0
"""Seconds in which the first rank ends by itself once another has ended with an error."""

LINGER = 3.0
"""Seconds that a further rank keeps silent: the first one speaks for all, and ends those that it has started."""

_EXCHANGE = re.compile(
    r"gloo|nccl|TCPStore|ProcessGroup|c10d|by peer|Timed out|pair closure|Broken pipe", re.IGNORECASE
)

_started: list[subprocess.Popen] = []


@contextmanager
def ending(*, advice: str, starts: bool = True) -> Iterator[None]:
    """Within, a lost rank is a `TrainingError` with ``advice``; on leaving, no rank that was started here is left.

    Args:
        advice: what to do then.
        starts: whether Lightning may start ranks here, and is imported to watch them: a second of computing.

    Raises:
        TrainingError: an exchange between ranks failed.
        Interrupted: it failed because all of them were asked to stop.
    """
    if starts:
        _observe(advice)
    done = False
    try:
        yield
        done = True
    except RuntimeError as error:  # those of torch.distributed are of this class
        if not _is_exchange(error):
            raise
        rank = ranks.global_rank()
        if rank > 0:
            time.sleep(LINGER)
        if signals.asked is not None:
            name = signal.Signals(signals.asked).name
            raise Interrupted(f"stopped by {name}, as rank {rank}", signum=signals.asked) from error
        raise TrainingError(f"{_how()}; {advice}") from error
    finally:
        _end(_started, patience=LINGER if done else 0.0)


def _is_exchange(error: RuntimeError) -> bool:
    from torch import distributed

    several = bool(_started) or ranks.external() is not None or "LOCAL_RANK" in os.environ
    return several and (isinstance(error, distributed.DistError) or _EXCHANGE.search(str(error)) is not None)


def _how() -> str:
    """Which rank was lost, and how, as far as this process can tell."""
    deadline = time.monotonic() + 1.0  # a connection is closed a moment before its process has ended
    while _started and time.monotonic() < deadline:
        for rank, process in enumerate(_started, start=1):
            code = process.poll()
            if code:
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
                return f"rank {rank} {how}"
        time.sleep(0.05)
    return "a rank is lost: it ended, was stopped, or did not come within trainer.timeout"


def _observe(advice: str) -> None:
    """Watch the processes that Lightning starts, in place of its own observer, which kills this one without a word."""
    from lightning_fabric.strategies.launchers import subprocess_script as of_fabric
    from pytorch_lightning.strategies.launchers import subprocess_script as of_trainer

    def watch(child_processes: list[subprocess.Popen]) -> None:
        _started[:] = child_processes
        threading.Thread(target=_watch, args=(child_processes, advice), daemon=True).start()

    of_trainer._launch_process_observer = of_fabric._launch_process_observer = watch


def _watch(processes: Sequence[subprocess.Popen], advice: str) -> None:
    while not any(process.poll() for process in processes):
        time.sleep(0.5)
    time.sleep(GRACE)  # an exchange with the lost rank fails, unless there is none or it waits for its timeout
    print(f"genlab: error: {_how()}; {advice}", file=sys.stderr, flush=True)
    _end(processes, patience=0.0)
    os._exit(TrainingError.exit_code)


def _end(processes: Sequence[subprocess.Popen], *, patience: float) -> None:
    """Leave none of them: a stopped process, too, obeys SIGKILL. Those that have done their part get ``patience``."""
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
        if process.poll() is None:
            process.kill()
        process.wait()
