"""One job of a sweep: a process of its own, watched from Hydra's task.

Hydra's launchers may pickle `job` and call it in another process or on another machine, so it takes nothing but its
config: the sweep's directory comes from Hydra's, everything else from files in there. It never raises for a job that
fails; the others go on, and the closing table tells.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig

from genlab.config import compose, schema
from genlab.config.forbidden import key_of
from genlab.config.permitted import believe
from genlab.config.schema.targets import fitted
from genlab.config.trust import as_word
from genlab.errors import CheckpointError, GenlabError, TrainingError
from genlab.files import foreign
from genlab.launch import start
from genlab.launch.job_records import RECORD, alive, is_record, records
from genlab.numerals import decimals
from genlab.process import signals
from genlab.process.printable import printable
from genlab.runs import directory
from genlab.runs.history import finished, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omegaconf import DictConfig

COMMAND = (sys.executable, "-P", "-m", "genlab", "_worker", "--tied")
"""What a job runs, importing nothing from the working directory; the run directory is added, and who is trusted."""

PLACES = frozenset({"outputs", "trust"})
"""Settings that leave a job what it is: a resumed sweep's jobs are known by the others."""

STOP, LOG = "stop", "log.txt"
FAILED = TrainingError.exit_code
GRACE = 30.0
"""Seconds that a job which was told to stop has to write its checkpoint."""

LOOK = 0.05
"""Seconds between two looks for a job's first checkpoint."""

STOPPED = "stopped"
"""Status of a job that had its share of the sweep's time: saved and stopped, as planned."""

DONE = frozenset({"finished", STOPPED})

_TOLD = frozenset({-signal.SIGTERM, 128 + signal.SIGTERM, -signal.SIGKILL})
"""Exit codes of a job that was told to stop, or killed because it did not."""

OWNER: int | None = None
"""The process whose signal handlers look after all jobs (`genlab.launch.sweep`); elsewhere each job does it itself."""


def job(config: DictConfig) -> float:
    """Run one setting of a sweep to its end; the validation value, infinite if there is none."""
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    overrides = [str(word) for word in hydra.overrides.task]
    earlier = _earlier(folder, overrides)
    if (folder.parent.parent / STOP).exists():
        return math.inf
    if earlier is not None and earlier["status"] in DONE:
        _say(folder, "kept", earlier)
        return _value(earlier)
    if int(hydra.job.num) == 0:
        print(f"sweep {folder.parent.parent}", flush=True)
    record: dict[str, Any] = {"number": int(hydra.job.num), "overrides": overrides, "started": time.time()}
    try:
        _run(folder, record, config, earlier)
    except (GenlabError, OSError) as error:
        record |= {"status": "failed", "exit_code": getattr(error, "exit_code", FAILED), "message": str(error)}
    finally:
        record["seconds"] = round(time.time() - record["started"], 2)
        directory.write_json(folder / RECORD, record)
    _say(folder, record["status"], record)
    return _value(record)


def _run(folder: Path, record: dict[str, Any], config: DictConfig, earlier: dict[str, Any] | None) -> None:
    sweep = directory.read_json(folder.parent.parent / "sweep.json")
    verb = sweep["verb"]
    composed = compose.resolve(config)
    schema.validate(verb, composed.config)
    trusted = composed.config["trust"]
    run_dir = _interrupted(earlier, outputs=Path(composed.config["outputs"])) if verb == "train" else None
    again: list[str] = []
    if run_dir is not None:
        held = read(run_dir)
        believe(held, trusted, source=run_dir / directory.CONFIG)
        again = ["--again"] if _is_of(held, record["overrides"]) else []
    if run_dir is None or not again:
        run_dir = start.prepare(verb, composed, quiet=True)
    with os.fdopen(foreign.open_own(run_dir / LOG, os.O_WRONLY | os.O_APPEND), "ab") as log:
        child = subprocess.Popen(
            [*COMMAND, *again, *as_word(trusted), str(run_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )
    record |= {"status": "running", "run_dir": str(run_dir), "pid": child.pid, "host": socket.gethostname()}
    directory.write_json(folder / RECORD, record)
    _say(folder, "resumed" if earlier and earlier.get("run_dir") == str(run_dir) else "started", record)
    # a model that is fitted in one pass has nothing to show before its end
    target = composed.config["model"]["_target_"] if verb == "train" else None
    limit = None if target is not None and fitted(target) else sweep.get("limit")
    code, late = _wait(child, record, limit=limit)
    summary = finished(run_dir) if code == 0 else None
    record["exit_code"] = code
    if code == 0:
        record |= {"status": "finished", "val": (summary or {}).get("val")}
    elif late and code in _TOLD:
        record |= {"status": STOPPED, "trained": limit}
    elif signals.stops(code):
        record |= {"status": "interrupted"}
    else:
        record |= {"status": "failed", "message": _message(run_dir / LOG, code)}


def _wait(child: subprocess.Popen[bytes], record: dict[str, Any], *, limit: float | None) -> tuple[int, bool]:
    """The exit status, and whether the job was stopped because its ``limit`` (seconds of training) was over."""
    try:
        with _forwarding(child):
            if limit is None or _over(child, Path(record["run_dir"]), limit) is not None:
                return child.wait(), False
            child.terminate()  # it ends its step, saves, and can be resumed
            try:
                return child.wait(timeout=GRACE), True
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                return child.wait(), True
    except KeyboardInterrupt:  # raised by the sweep's handler, which has told the child and waited for it
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        record |= {"exit_code": child.wait(), "status": "interrupted"}
        raise


def _over(child: subprocess.Popen[bytes], run_dir: Path, limit: float) -> int | None:
    """The exit status of a job that ended within ``limit`` seconds of training, or None when they are over.

    They begin with the checkpoint that precedes the first step: starting Python and decoding the data is no training.
    """
    while not any((run_dir / directory.CHECKPOINTS).glob("*.ckpt")):
        if child.poll() is not None:
            return child.returncode
        time.sleep(LOOK)
    try:
        return child.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """In a launcher's worker process: SIGTERM is for the child, SIGINT is the sweep's to hand on."""
    if os.getpid() == OWNER or threading.current_thread() is not threading.main_thread():
        yield
        return
    saved = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda signum, _: child.send_signal(signum)),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
    }
    try:
        yield
    finally:
        for signum, handler in saved.items():
            signal.signal(signum, handler)


def _earlier(folder: Path, overrides: list[str]) -> dict[str, Any] | None:
    """The record of the same job from before the sweep was resumed.

    A record of *other* overrides in this job's place (a sampler that proposes anew) is moved aside, not lost.
    """
    same = [each for each in records(folder.parent.parent) if _settings(each["overrides"]) == _settings(overrides)]
    path = folder / RECORD
    if path.is_file():
        try:
            mine = directory.read_json(path)
        except CheckpointError:
            mine = {}
        if is_record(mine) and _settings(mine["overrides"]) == _settings(overrides):
            return mine
        path.rename(folder / f"job-{path.stat().st_mtime_ns}.json")
    return same[0] if same and not alive(same[0]) else None


def _settings(overrides: list[str]) -> list[str]:
    """What makes a job that job, whatever the order."""
    return sorted(word for word in map(str, overrides) if key_of(word) not in PLACES)


def _interrupted(earlier: dict[str, Any] | None, *, outputs: Path) -> Path | None:
    """The run directory of an earlier attempt, if there is something to go on with.

    It lies where this sweep's runs lie: a record that names another place does not make that place a job's.
    """
    run_dir = Path(earlier["run_dir"]).resolve() if earlier and earlier.get("run_dir") else None
    if run_dir is None or not any((run_dir / directory.CHECKPOINTS).glob("*.ckpt")):
        return None
    return run_dir if run_dir.is_relative_to((outputs / "train").resolve()) else None


def _is_of(held: dict[str, Any], overrides: list[str]) -> bool:
    """Whether a run was made by a job of these overrides: a record that names another run does not make it that."""
    words = held.get("overrides")
    return isinstance(words, list) and _settings(words) == _settings(overrides)


def _message(log: Path, code: int) -> str:
    """The worker's own last word, or how it ended."""
    with foreign.open_plain(log, most=None, links=False) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 16384))
        lines = file.read().decode("utf-8", "replace").splitlines()
    said = [line for line in lines if line.startswith("genlab: error: ")]
    if said:
        return said[-1].removeprefix("genlab: error: ")
    if code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (" (out of memory?)" if -code == signal.SIGKILL else "")
    return f"exit status {code}; see {log}"


def _value(record: dict[str, Any]) -> float:
    val = record.get("val")
    value = val.get("value") if isinstance(val, dict) else None
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else math.inf


def _say(folder: Path, what: str, record: dict[str, Any]) -> None:
    """One line in the sweep's terminal: the settings that vary, and how the job fares."""
    swept = directory.read_json(folder.parent.parent / "sweep.json").get("swept") or []
    words = [word for word in record["overrides"] if word.partition("=")[0] in swept] or record["overrides"]
    value = _value(record)
    tail = record.get("message", "") if what == "failed" else f"val {decimals(value)}" if math.isfinite(value) else ""
    parts = (f"job {record['number']}: {what}", " ".join(words), tail)
    print(printable("  ".join(part for part in parts if part)), flush=True)
