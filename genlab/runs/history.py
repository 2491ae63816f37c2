"""What a training run says of itself: its ``config.yaml``, how often it went on, and whether it is finished."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from genlab.errors import CheckpointError
from genlab.files import plainyaml
from genlab.runs import directory

if TYPE_CHECKING:
    from pathlib import Path


def read(run_dir: Path) -> dict[str, Any]:
    """A training run's ``config.yaml``: a mapping with the mappings ``config`` and (perhaps) the list ``resumes``.

    Raises:
        CheckpointError: it is damaged, or of another verb.
    """
    path = run_dir / directory.CONFIG
    try:
        record = plainyaml.read(path)
    except (OSError, plainyaml.UnreadableError) as error:
        raise CheckpointError(f"{path} cannot be read: {' '.join(str(error).split())[:160]}") from error
    if not isinstance(record, dict) or not isinstance(record.get("config"), dict):
        raise CheckpointError(f"{path} is damaged: it holds no config")
    if record.get("verb") != "train":
        raise CheckpointError(f"{run_dir} is a {record.get('verb')} run; only training runs can be resumed")
    return record


def note(record: dict[str, Any], changed: dict[str, tuple[Any, Any]]) -> None:
    """Add one entry to the ``resumes`` of a run's record."""
    changes = {key: {"from": old, "to": new} for key, (old, new) in changed.items()}
    resumes = record.get("resumes")
    entry = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "changes": changes}
    record["resumes"] = [*(resumes if isinstance(resumes, list) else []), entry]


def finished(run_dir: Path) -> dict[str, Any] | None:
    """A run's summary if the run came to its end, else None.

    Raises:
        CheckpointError: the summary is damaged.
    """
    path = run_dir / directory.SUMMARY
    summary = directory.read_json(path) if path.is_file() else None
    return summary if isinstance(summary, dict) and summary.get("status", "finished") == "finished" else None


def reopen(run_dir: Path) -> None:
    """A finished run that goes on is not finished: killed on the way, it must not pass for what it was."""
    summary = finished(run_dir)
    if summary is not None:
        directory.write_json(run_dir / directory.SUMMARY, {**summary, "status": "resumed"})
