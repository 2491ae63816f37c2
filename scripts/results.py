"""The results table, from the runs' own files: ``python scripts/results.py --machine "2 CPU cores" RUN_DIR...``.

Reads ``config.yaml`` and ``summary.json`` of training and evaluation runs and prints a Markdown table; or, of one
directory of ``genlab compare``, its groups from ``compare.json``. ``--write docs/results.md`` puts it between the
markers of that file; with ``--keep`` the rows of runs that are not given again stay. No figure is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from genlab.comparison.columns import COLUMNS, Column
from genlab.comparison.show import duration
from genlab.comparison.value import ERRORS

SIGNS = {"exact": "=", "upper bound": "<=", "lower bound": ">=", "estimate": "~"}
UNITS = {"nats per example": "nats", "bits/dim": "bits/dim"}
HEAD = ("run", "command", "score", "K", "split, n", "training", "parameters", "machine")
DIGITS = 6
"""Behind the point, at most: the error of a share that is all but 1 has dozens of zeros."""
_NOT_SHOWN = ("outputs=", "trainer.enable_progress_bar=", "ckpt=", "trust=", "data.root=")


class ResultsError(Exception):
    """A run directory or a file that cannot be used; the message says which and why."""


def read(run_dir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run's ``config.yaml`` and ``summary.json``.

    Raises:
        ResultsError: one of them is missing or damaged.
    """
    try:
        config = yaml.safe_load((run_dir / "config.yaml").read_text(encoding="utf-8"))
        summary = json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ResultsError(f"{run_dir}: is no finished run ({error})") from error
    if not isinstance(config, dict) or not isinstance(summary, dict) or "verb" not in config:
        raise ResultsError(f"{run_dir}: its config.yaml or summary.json is damaged")
    return config, summary


def rows(run_dir: Path, machine: str, *, only: Sequence[str] | None = None) -> list[list[str]]:
    """The table's rows of one run: one per record, or per record of the metrics in ``only``.

    Raises:
        ResultsError: the run has no score, or that of an evaluation names a training run that is gone.
    """
    config, summary = read(run_dir)
    if config["verb"] == "train":
        found = [summary["test"]] if "test" in summary else list(summary.get("translation", {}).values())
        if not found:
            raise ResultsError(f"{run_dir}: its summary.json has no record of the test split")
        found = [record for record in found if only is None or record["metric"] in only]
        return [row(config, summary, record, machine, command(config)) for record in found]
    if config["verb"] != "eval":
        raise ResultsError(f"{run_dir}: is a {config['verb']} run; only train and eval runs have scores")
    trained_in = Path(summary["checkpoint"]).parent.parent
    trained, its_summary = read(trained_in)
    scored = f"{command(trained)}`<br>`{command(config)}"
    found = [record for record in summary["records"] if only is None or record["metric"] in only]
    return [row(trained, its_summary, record, machine, scored) for record in found]


def row(config: dict[str, Any], summary: dict[str, Any], record: dict[str, Any], machine: str, done: str) -> list[str]:
    """One row: a record of a training run."""
    score = f"{SIGNS[record['kind']]} {number(record)} {UNITS.get(record['unit'], record['unit'])}"
    if record["metric"] not in {"nll", "bpd"}:
        score = f"{record['metric']} {score}"
    if record["conditional"]:
        score += " given the label"
    time = duration(summary["seconds"])
    if config.get("resumes"):
        time += " in several parts"
    return [
        config["config"]["name"],
        f"`{done}`",
        score,
        str(record["num_particles"] or "-"),
        f"{record['split']}, {record['n']:,}",
        f"{time}, {summary['steps']:,} steps",
        f"{summary['parameters']:,}",
        machine,
    ]


def number(record: dict[str, Any]) -> str:
    """``84.83 ± 0.74``, ``5.2 [4.8, 5.9]``, or the value alone: as many digits as its error tells, two at least."""
    value, error, interval = record["value"], record["standard_error"], record.get("interval")
    width = error if interval is None else (interval[1] - interval[0]) / 4
    digits = 2
    if width:
        told = f"{Decimal(f'{width:.1g}'):f}"  # 4e-05 is 0.00004
        digits = min(max(digits, len(told.partition(".")[2])), DIGITS)
    if interval is not None:
        return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"
    return f"{value:.{digits}f}" + (f" ± {error:.{digits}f}" if error is not None else "")


def command(config: dict[str, Any]) -> str:
    """The command line of a run, less what only says where things lie."""
    return _shown(["genlab", config["verb"], *config.get("overrides", [])])


def _shown(words: list[str]) -> str:
    return shlex.join(word for word in words if not word.startswith(_NOT_SHOWN)).replace("|", "\\|")


def comparison(folder: Path, machine: str) -> str:
    """The groups of a comparison, each with its reason and a Markdown table of the columns that hold a number.

    Raises:
        ResultsError: its ``compare.json`` is missing or damaged.
    """
    try:
        held = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
        groups = held["groups"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ResultsError(f"{folder}: is no finished comparison ({error})") from error
    lines = [f"`{_shown(shlex.split(held['command']))}` on {machine}:"]
    for group in groups:
        rows = group["rows"]
        shown = [column for column in COLUMNS if any("number" in row["cells"][column.key] for row in rows)]
        lines += ["", f"**{group['title']}.** {group['why']}"]
        if shown:
            body = [[_name(row), *(_cell(row["cells"][column.key], column) for column in shown)] for row in rows]
            lines += ["", table(body, ["model", *(column.title for column in shown)])]
        else:
            lines += ["", *(f"- {row['label']}: {row['runs'][0]['error']}" for row in rows)]
    if any(
        cell.get("error") is not None for group in groups for row in group["rows"] for cell in row["cells"].values()
    ):
        lines += ["", ERRORS]
    return "\n".join(lines)


def _name(row: dict[str, Any]) -> str:
    seeds = f" ({len(row['seeds'])} seeds)" if "seeds" in row else ""
    return f"{row['label']}{seeds} {row['detail']}".strip().replace("|", "\\|")


def _cell(cell: dict[str, Any], column: Column) -> str:
    if "number" not in cell:
        return ""
    text = column.show(cell["number"])
    if cell["interval"]:
        text += f" [{column.show(cell['interval'][0])}, {column.show(cell['interval'][1])}]"
    elif cell["error"] is not None:
        text += f" ± {column.show_error(cell['error'])}"
    text = f"**{text}**" if cell["mark"] == "best" else text
    return f"{text} ({cell['note']})" if cell.get("note") else text  # older ones have none


def table(found: list[list[str]], head: Sequence[str] = HEAD) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *found]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def between(path: Path, name: str) -> str:
    """What is between the markers ``<!-- name -->`` and ``<!-- /name -->`` of a file.

    Raises:
        ResultsError: the markers are not there, once each and in order.
    """
    held = path.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if held.count(start) != 1 or held.count(end) != 1 or held.index(start) > held.index(end):
        raise ResultsError(f"{path}: needs one {start} and, after it, one {end}")
    return held.partition(start)[2].partition(end)[0]


def write(path: Path, text: str, *, name: str) -> None:
    """Put ``text`` between the markers of ``path``, as `between` finds them."""
    between(path, name)
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(start)
    path.write_text(f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def merged(text: str, found: list[list[str]]) -> list[list[str]]:
    """The rows of the table in ``text``, with those of the same command replaced by ``found`` and the rest of it last.

    Raises:
        ResultsError: the table has other columns.
    """
    lines = text.strip().splitlines()
    held = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    if not held or held[0] != list(HEAD):
        raise ResultsError(f"the table that is there has not the columns {', '.join(HEAD)}; leave out --keep")
    place = HEAD.index("command")
    fresh: dict[str, list[list[str]]] = {}
    for cells in found:
        fresh.setdefault(cells[place], []).append(cells)
    given = set(fresh)
    rows: list[list[str]] = []
    for cells in held[2:]:
        rows += fresh.pop(cells[place], []) if cells[place] in given else [cells]
    return rows + [cells for group in fresh.values() for cells in group]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run_dir", nargs="+", type=Path)
    parser.add_argument("--machine", required=True, help='what the runs ran on, for example "2 CPU cores"')
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between the markers of FILE")
    parser.add_argument("--metric", action="append", metavar="NAME", help="only this of a run's records; repeatable")
    parser.add_argument("--keep", action="store_true", help="with --write: keep the rows of other commands")
    given = parser.parse_args()
    if given.keep and given.write is None:
        parser.error("--keep goes with --write")
    try:
        name = "compare" if (given.run_dir[0] / "compare.json").is_file() else "results"
        if name == "compare":
            text = "\n\n".join(comparison(folder, given.machine) for folder in given.run_dir)
        else:
            found = [cells for run_dir in given.run_dir for cells in rows(run_dir, given.machine, only=given.metric)]
            text = table(merged(between(given.write, name), found) if given.keep else found)
        if given.write is None:
            print(text)
        else:
            write(given.write, text, name=name)
    except (ResultsError, OSError) as error:
        print(f"results.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
