"""``genlab compare``: score runs, put like beside like, and write the table and the page."""

from __future__ import annotations

import csv
import io
import os
import platform
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genlab import __version__
from genlab.commands.scores import Scores
from genlab.comparison.columns import METRICS, Column, further
from genlab.comparison.groups import Group, Row, arrange
from genlab.comparison.page import About, columns, of_table, page
from genlab.comparison.recorded import Run, read
from genlab.comparison.value import ERRORS, Value
from genlab.config import filled
from genlab.config.schema.metrics import PACKAGE, own
from genlab.config.trust import as_word
from genlab.errors import CheckpointError, ConfigError, GenlabError
from genlab.files import plainyaml
from genlab.process import signals
from genlab.process.printable import printable
from genlab.runs import directory
from genlab.signatures.described import described

RUNS = "runs.json"
ALL = "all"
WIDE, NARROW = 400, 24
"""Characters: of a line where no terminal limits it; of the names at least, whatever the numbers take."""

NAMES = ("compare.html", "compare.csv", "compare.json")


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> int:
    """Compare what ``run_dir/runs.json`` lists; write ``compare.html``, ``compare.csv`` and ``compare.json``.

    Returns:
        0 if at least one run could be scored; else the exit code of `CheckpointError`. A run that cannot be scored is a
        row that says why.
    """
    spare = run_dir / "scores"
    runs = map(read, directory.read_json(run_dir / RUNS))
    found = [as_today(scored(run, config, spare=spare, console=console)) for run in runs]
    groups = arrange(found, more=_further(config["metric"]))
    about = About(_title(found), _command(run_dir), _made())
    html, flat, plain = (run_dir / name for name in NAMES)
    directory.write_text(html, page(groups, about))
    directory.write_text(flat, as_csv(groups))
    directory.write_json(plain, as_json(groups, about))
    show(groups)
    print(f"table    {flat}\nrecords  {plain}\npage     {html}")
    usable = [each for group in groups for row in group.rows for each in row.runs if each.error is None]
    if usable:
        verb = "translate" if usable[0].facts.get("translates") else "sample"
        words = ["genlab", verb, f"ckpt={usable[0].where}", *as_word(config["trust"])]
        print(f"next     {printable(shlex.join(words))}")
    return 0 if any(each.error is None for each in found) else CheckpointError.exit_code


def scored(run: Run, config: Mapping[str, Any], *, spare: Path, console: Console) -> Run:
    """The run with its scores and pictures; or with the reason why it has none."""
    if run.error is not None or run.path is None:
        return run
    try:
        scores = Scores(run.path, config, spare=spare, console=console)
        scores.check_settings(run.config)
        records, lacks = {}, {}
        for name in _asked(config["metric"]):
            measured, why = scores.metric(name, config["metric"][name])
            if why is None:
                records[name] = measured
            else:
                lacks[name] = why
        facts, pictures = scores.facts(), scores.pictures()
    except GenlabError as error:
        return replace(run, error="; ".join([*run.notes, str(error)]))
    except Exception as error:  # of a damaged run, or one with code of its own: the others are compared all the same
        signals.check()
        return replace(
            run, error="; ".join([*run.notes, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"])
        )
    warned = [each["warning"] for each in records.get("nll", []) if each.get("warning")]
    notes = tuple(dict.fromkeys([*run.notes, *scores.notes, *warned]))
    return replace(run, facts=facts, records=records, lacks=lacks, pictures=pictures, notes=notes)


def as_today(run: Run) -> Run:
    """The run with the settings that this version would have written: one of before is told apart by no new option."""
    try:
        return replace(run, config=filled.today(run.config))
    except ConfigError:  # a class of the user's own that has changed since
        return run


def _asked(metric: Mapping[str, Any]) -> list[str]:
    """The metrics to measure: those of the table, those asked for by name, and a user's own; in this order.

    Where nobody chose (``metric=all``, or a comparison as it is by default), those that the table has no place for stay
    out: they take long.
    """
    present = [name for name, options in metric.items() if options is not None and name != ALL]
    more = [name for name in present if ALL not in metric or name in own(metric)]
    return [*(name for name in METRICS if name in present), *(name for name in more if name not in METRICS)]


def _further(metric: Mapping[str, Any]) -> list[Column]:
    """The columns of metrics that the table has no place for."""
    mine = own(metric)
    modules = {
        name: mine[name]["_target_"].rpartition(".")[0] if name in mine else f"{PACKAGE}.{name}"
        for name in _asked(metric)
        if name not in METRICS
    }
    found = {name: described(module) for name, module in modules.items()}
    return [further(name, each.about, each.says("better")) for name, each in found.items() if each is not None]


def as_csv(groups: Sequence[Group]) -> str:
    """One line per row of the table and per seed; numbers with error (see `ERRORS`), seeds' deviation, note, mark."""
    text = io.StringIO()
    names = ["group", "name", "detail", "data", "seed", "seeds", "status", "error", "run_dir"]
    names += [
        f"{column.key}{part}" for column in of_table(groups) for part in ("", "_error", "_spread", "_note", "_mark")
    ]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for group, row in _lines(groups):
        first = row.runs[0]
        line: dict[str, Any] = {"group": group.title, "name": first.name, "detail": row.detail, "data": first.data}
        line |= {"seed": first.seed if len(row.runs) == 1 else "", "seeds": len(row.runs)}
        line |= {
            "status": "; ".join(dict.fromkeys(each.status for each in row.runs)),
            "error": first.error or "",
            "run_dir": first.path if len(row.runs) == 1 else "",
        }
        for column in group.columns:
            cell = row.cells[column.key]
            if isinstance(cell, Value):
                line[column.key], line[f"{column.key}_error"] = cell.number, "" if cell.error is None else cell.error
                line[f"{column.key}_spread"] = "" if cell.spread is None else cell.spread
                line[f"{column.key}_note"] = cell.note
                line[f"{column.key}_mark"] = row.marks.get(column.key, "")
        writer.writerow(line)
    return text.getvalue()


def as_json(groups: Sequence[Group], about: About) -> dict[str, Any]:
    """The groups with their reasons, their rows and all records of every run."""
    return {
        "made": about.made,
        "command": about.command,
        "groups": [
            {"title": group.title, "why": group.why, "rows": [_row(row) for row in group.rows]} for group in groups
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    cells = {
        key: {
            **{"number": cell.number, "error": cell.error, "interval": cell.interval},
            **{"spread": cell.spread, "note": cell.note, "mark": row.marks.get(key)},
        }
        if isinstance(cell, Value)
        else {"reason": cell}
        for key, cell in row.cells.items()
    }
    inner = [_row(single) for single in row.rows] if row.rows else [run.to_dict() for run in row.runs]
    return {"label": row.label, "detail": row.detail, "cells": cells, "seeds" if row.rows else "runs": inner}


def _lines(groups: Sequence[Group]) -> list[tuple[Group, Row]]:
    return [(group, line) for group in groups for row in group.rows for line in (row, *row.rows)]


def show(groups: Sequence[Group]) -> None:
    """Print the table: one section per group, and what could not be scored with its reason."""
    shown = columns(groups)
    table = Table(box=None, pad_edge=False, header_style="italic")
    table.add_column("model", overflow="fold", min_width=NARROW)
    for column in shown:
        table.add_column(column.title, justify="right", no_wrap=True)
    for group in groups:
        table.add_row(Text(printable(group.title), style="bold"))
        for row in group.rows:
            name = Text(printable(f"  {row.label}") + (f" ({len(row.rows)} seeds)" if row.rows else ""))
            if row.detail:
                name.append(printable(f" {row.detail}"), style="dim")
            table.add_row(name, *(_cell(row, column) for column in shown))
    console = Console(width=None if Console().is_terminal else WIDE, force_jupyter=False)
    console.print(table)
    for group in groups:
        console.print(Text(printable(f"{group.title}: {group.why}"), style="dim"), soft_wrap=True)
    if any(
        isinstance(cell, Value) and cell.error is not None for _, row in _lines(groups) for cell in row.cells.values()
    ):
        console.print(Text(ERRORS, style="dim"), soft_wrap=True)
    for _, row in _lines(groups):
        if not row.rows and row.runs[0].error is not None:
            console.print(Text(printable(f"{row.label}: {row.runs[0].error}"), style="red"), soft_wrap=True)


def _cell(row: Row, column: Column) -> Text:
    key = column.key
    cell = row.cells[key]
    if isinstance(cell, str):
        return Text("-", style="dim")
    text = Text(column.show(cell.number), style="bold" if row.marks.get(key) == "best" else "")
    if cell.error is not None:
        text.append(f" ± {column.show_error(cell.error)}", style="dim")
    if cell.note:
        text.append(printable(f" ({cell.note})"), style="dim")
    return text


def _title(found: Sequence[Run]) -> str:
    data = list(dict.fromkeys(run.data for run in found if run.config.get("data")))
    return f"Models of {', '.join(data)}" if data else "Models compared"


def _command(run_dir: Path) -> str:
    held = plainyaml.read(run_dir / directory.CONFIG)
    return shlex.join(["genlab", "compare", *map(str, held["overrides"])])


def _made() -> str:
    machine = f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}"
    return f"Made by genlab {__version__} on {time.strftime('%Y-%m-%d at %H:%M')}, {machine}."
