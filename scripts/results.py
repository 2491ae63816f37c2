"""The results table, from the runs' own files: ``python scripts/results.py --machine "2 CPU cores" RUN_DIR...``.

Reads ``config.yaml`` and ``summary.json`` of training and evaluation runs and prints a Markdown table; ``--write
README.md`` puts it between the markers of that file. No figure is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

START, END = "<!-- results -->", "<!-- /results -->"
SIGNS = {"exact": "=", "upper bound": "<=", "lower bound": ">="}
UNITS = {"nats per example": "nats", "bits/dim": "bits/dim"}
HEAD = ("run", "command", "score", "K", "split, n", "training", "parameters", "machine")
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


def rows(run_dir: Path, machine: str) -> list[list[str]]:
    """The table's rows of one run: one per record.

    Raises:
        ResultsError: the run has no score, or that of an evaluation names a training run that is gone.
    """
    config, summary = read(run_dir)
    if config["verb"] == "train":
        if "test" not in summary:
            raise ResultsError(f"{run_dir}: its summary.json has no test record")
        return [row(config, summary, summary["test"], machine, command(config))]
    if config["verb"] != "eval":
        raise ResultsError(f"{run_dir}: is a {config['verb']} run; only train and eval runs have scores")
    trained_in = Path(summary["checkpoint"]).parent.parent
    trained, its_summary = read(trained_in)
    scored = f"{command(trained)}`<br>`{command(config)}"
    return [row(trained, its_summary, record, machine, scored) for record in summary["records"]]


def row(config: dict[str, Any], summary: dict[str, Any], record: dict[str, Any], machine: str, done: str) -> list[str]:
    """One row: a record of a training run."""
    error = f"{record['standard_error']:.1g}"
    digits = max(2, len(error.partition(".")[2]))
    score = f"{SIGNS[record['kind']]} {record['value']:.{digits}f} ± {record['standard_error']:.{digits}f}"
    score += f" {UNITS.get(record['unit'], record['unit'])}"
    if record["metric"] not in {"nll", "bpd"}:
        score = f"{record['metric']} {score}"
    if record["conditional"]:
        score += " given the label"
    time = duration(summary["seconds"])
    if config.get("resumes"):
        time = f"resumed (last part {time})"  # summary.json holds the seconds of the last process only
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


def command(config: dict[str, Any]) -> str:
    """The command line of a run, less what only says where things lie."""
    words = [word for word in config.get("overrides", []) if not word.startswith(_NOT_SHOWN)]
    return shlex.join(["genlab", config["verb"], *words]).replace("|", "\\|")


def duration(seconds: float) -> str:
    """``38 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def table(found: list[list[str]]) -> str:
    """Markdown."""
    lines = [HEAD, ["---"] * len(HEAD), *found]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write(path: Path, text: str) -> None:
    """Put ``text`` between the markers of ``path``.

    Raises:
        ResultsError: the markers are not there, once each and in order.
    """
    held = path.read_text(encoding="utf-8")
    if held.count(START) != 1 or held.count(END) != 1 or held.index(START) > held.index(END):
        raise ResultsError(f"{path}: needs one {START} and, after it, one {END}")
    before, _, rest = held.partition(START)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run_dir", nargs="+", type=Path)
    parser.add_argument("--machine", required=True, help='what the runs ran on, for example "2 CPU cores"')
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between the markers of FILE")
    given = parser.parse_args()
    try:
        text = table([cells for run_dir in given.run_dir for cells in rows(run_dir, given.machine)])
        if given.write is None:
            print(text)
        else:
            write(given.write, text)
    except (ResultsError, OSError) as error:
        print(f"results.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
