"""The closing table of a sweep."""

from __future__ import annotations

import csv
import io
import math
import sys
from typing import TYPE_CHECKING, Any

from genlab.launch.jobs import DONE, FAILED
from genlab.numerals import decimals
from genlab.process.printable import printable
from genlab.runs import directory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COLUMNS = (
    "number", "status", "exit_code", "value", "standard_error", "unit", "kind", "seconds", "run_dir", "overrides",
    "message",
)  # fmt: skip


def ranked(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One flat row per job, the best validation bound first and jobs without one last."""
    rows = []
    for record in records:
        val = record.get("val") or {}
        row = {**record, **{key: val.get(key) for key in ("value", "standard_error", "unit", "kind")}}
        if row["status"] == "running":
            row["status"] = "lost"  # its watcher is gone and left no word
        rows.append({column: row.get(column) for column in COLUMNS})
    return sorted(rows, key=lambda row: (math.inf if row["value"] is None else row["value"], row["number"]))


def exit_code(records: Iterable[dict[str, Any]]) -> int:
    """0, or the exit code of the first job that failed; `FAILED` if a signal ended it."""
    for record in records:
        if record["status"] not in DONE:
            code = record.get("exit_code")
            return code if isinstance(code, int) and code > 0 else FAILED
    return 0


def write(sweep_dir: Path, records: list[dict[str, Any]]) -> None:
    """Write ``summary.json`` and ``summary.csv``.

    Raises:
        TrainingError: the disk is full or the folder read-only.
    """
    rows = ranked(records)
    directory.write_json(sweep_dir / directory.SUMMARY, {"jobs": rows})
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({**row, "overrides": " ".join(row["overrides"] or [])} for row in rows)
    directory.write_text(sweep_dir / "summary.csv", text.getvalue())


def show(sweep_dir: Path, records: list[dict[str, Any]], *, swept: list[str]) -> None:
    """Print the table with the settings that vary (``swept``), and what the failed jobs said."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = ranked(records)
    table = Table(box=None, pad_edge=False)
    for title, justify in [("job", "right"), ("settings", "left"), ("status", "left"), ("val", "right"),
                           ("± s.e.", "right"), ("unit", "left"), ("seconds", "right"), ("run", "left")]:  # fmt: skip
        table.add_column(title, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        settings = [word for word in row["overrides"] if word.partition("=")[0] in swept] or row["overrides"]
        table.add_row(
            str(row["number"]),
            Text(printable(" ".join(settings)) or "-"),
            Text(printable(row["status"])),
            _number(row["value"]),
            _number(row["standard_error"]),
            Text(printable(row["unit"] or "-")),
            "-" if row["seconds"] is None else f"{row['seconds']:.1f}",
            Text(printable(row["run_dir"] or "-")),
        )
    console = Console(width=None if sys.stdout.isatty() else 240)
    console.print(table)
    for row in rows:
        if row["message"]:
            console.print(Text(printable(f"job {row['number']}: {row['message']}")), soft_wrap=True)
    done = sum(row["status"] in DONE for row in rows)
    console.print(Text(f"{done} of {len(rows)} jobs finished; {sweep_dir / directory.SUMMARY}"), soft_wrap=True)


def _number(value: Any) -> str:
    return decimals(value) if isinstance(value, (int, float)) else "-"
