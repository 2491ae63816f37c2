"""What the jobs of a sweep have written of themselves: ``jobs/<number>/job.json``, which anybody may have edited."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from genlab.errors import CheckpointError
from genlab.runs import directory

RECORD = "job.json"
"""A job's record, in its folder of the sweep's; those of other settings, moved aside, have a name that begins alike."""

_TYPES = {"number": int, "status": str, "overrides": list}
_OPTIONAL: dict[str, tuple[type, ...]] = {
    **{"run_dir": (str,), "pid": (int,), "host": (str,), "message": (str,), "exit_code": (int,), "val": (dict,)},
    **{"seconds": (float, int), "trained": (float, int)},
}
_VAL: dict[str, tuple[type, ...]] = {"value": (float,), "standard_error": (float,), "unit": (str,), "kind": (str,)}
"""What stands in a job's record, the validation's in its own ``val``."""


def records(sweep_dir: Path) -> list[dict[str, Any]]:
    """The records of all jobs that a sweep has started, by number; those unlike what `job` writes are left out."""
    found = []
    for path in (sweep_dir / "jobs").glob("*/job*.json"):
        try:
            record = directory.read_json(path)
        except CheckpointError:
            continue  # a job killed before its first line was written
        if is_record(record):
            found.append(record)
    return sorted(found, key=lambda record: record["number"])


def is_record(record: Any) -> bool:
    """Whether a file in a sweep's directory, which anybody may have written, has the types of a job's record."""
    if not isinstance(record, dict):
        return False
    val = record.get("val") or {}
    return (
        all(isinstance(record.get(key), kind) for key, kind in _TYPES.items())
        and all(isinstance(record.get(key), (*kinds, type(None))) for key, kinds in _OPTIONAL.items())
        and all(isinstance(word, str) for word in record["overrides"])
        and all(isinstance(val.get(key), (*kinds, type(None))) for key, kinds in _VAL.items())
        and (record["status"] != "running" or (os.path.isabs(record.get("run_dir") or "") and record.get("pid", 0) > 1))
    )


def alive(record: dict[str, Any]) -> bool:
    """Whether a record's process runs on this machine now."""
    if record["status"] != "running" or record.get("host") != socket.gethostname():
        return False
    command = Path(f"/proc/{record['pid']}/cmdline")
    if Path("/proc/self").exists():
        # not just the number: it may be another process's by now, and a zombie's command line is empty
        try:
            return os.fsencode(record["run_dir"]) in command.read_bytes().split(b"\0")
        except OSError:
            return False
    try:
        os.kill(record["pid"], 0)
    except ProcessLookupError:
        return False
    return True
