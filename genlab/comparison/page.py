"""``compare.html``: one file, nothing beside it, no request to anywhere; pictures are inside, every text is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from genlab.comparison.columns import COLUMNS, Column, record_of
from genlab.comparison.curves import chart, spark
from genlab.comparison.exhibits import figure
from genlab.comparison.groups import Group, Row
from genlab.comparison.html import Html, join, tag, verbatim
from genlab.comparison.recorded import FINISHED, STOPPED, Run, plain
from genlab.comparison.show import duration, whole
from genlab.comparison.value import ERRORS, Value
from genlab.numerals import decimals

STYLE = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
SCRIPT = files(__package__).joinpath("page.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class About:
    """What the page says of itself.

    Attributes:
        title: in its head.
        command: what makes it again.
        made: when, where and with which version.
    """

    title: str
    command: str
    made: str


def policy() -> str:
    """The Content-Security-Policy: this style, this script, pictures and sound inside the page, and nothing else."""
    style, script = (_hash(source) for source in (STYLE, SCRIPT))
    return (
        f"default-src 'none'; img-src data:; media-src data:; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def page(groups: Sequence[Group], about: About) -> str:
    """The whole file."""
    runs = [run for group in groups for row in group.rows for run in row.runs]
    shown = columns(groups)
    head = tag(
        "head",
        tag("meta", attrs={"charset": "utf-8"}),
        tag("meta", attrs={"http-equiv": "Content-Security-Policy", "content": policy()}),
        tag("meta", attrs={"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("link", attrs={"rel": "icon", "href": "data:,"}),
        tag("title", about.title),
        tag("style", verbatim(STYLE)),
    )
    body = tag(
        "body",
        tag(
            "header",
            tag("h1", about.title),
            tag("button", "theme: auto", attrs={"class": "theme", "type": "button", "hidden": None}),
        ),
        tag("p", _lead(runs)),
        tag(
            "main",
            _table(groups, shown),
            _legend(groups, shown),
            tag("h2", "Runs"),
            [_article(run, runs) for run in runs],
        ),
        tag("footer", tag("p", about.made), tag("pre", about.command)),
        tag("script", verbatim(SCRIPT)),
    )
    return f"<!doctype html>\n{tag('html', head, body, attrs={'lang': 'en'})}\n"


def of_table(groups: Sequence[Group]) -> tuple[Column, ...]:
    """All columns of a table, also those without a number."""
    return groups[0].columns if groups else COLUMNS


def columns(groups: Sequence[Group]) -> list[Column]:
    """The columns in which at least one run has a number."""
    rows = [row for group in groups for row in group.rows]
    return [column for column in of_table(groups) if any(isinstance(row.cells[column.key], Value) for row in rows)]


def anchor(run: Run, runs: Sequence[Run]) -> str:
    """The identifier of a run's section."""
    return f"run-{next(i for i, other in enumerate(runs) if other is run)}"


def _hash(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


def _runs(n: int) -> str:
    return f"{n} run" if n == 1 else f"{n} runs"


def _lead(runs: Sequence[Run]) -> Html:
    data = list(dict.fromkeys(run.data for run in runs if run.config.get("data")))
    scored = sum(run.error is None for run in runs)
    return join([
        f"{scored} of {_runs(len(runs))} scored" if scored < len(runs) else _runs(len(runs)),
        f" on {', '.join(data)}. " if data else ". ",
        "Numbers of different kinds stand in groups of their own and are never ranked against each other; a heading "
        "sorts within each group. ",
        tag("strong", "Shaded"),
        ": the best of those that compare. Underlined: within two standard errors of it.",
    ])  # fmt: skip


def _table(groups: Sequence[Group], shown: Sequence[Column]) -> Html:
    runs = [run for group in groups for row in group.rows for run in row.runs]
    heads = [("model", "Name and what tells it from its namesakes."), *((each.title, each.about) for each in shown)]
    cells = [
        tag("th", tag("button", title, attrs={"type": "button"}), attrs={"scope": "col", "title": about})
        for title, about in heads
    ]
    cells.append(tag("th", "loss", attrs={"scope": "col", "title": "Training loss and validation value by step."}))
    bodies = []
    for group in groups:
        name = tag("span", group.title, tag("span", group.why, attrs={"class": "why"}))
        rows = [tag("tr", tag("th", name, attrs={"scope": "rowgroup", "colspan": str(len(cells))}))]
        for row in group.rows:
            rows.append(_line(row, shown, runs))
            rows += [_line(single, shown, runs, seed=True) for single in row.rows]
        bodies.append(tag("tbody", rows))
    table = tag("table", tag("thead", tag("tr", cells)), bodies, attrs={"class": "results"})
    attrs = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Results"}
    return tag("div", table, attrs=attrs)


def _line(row: Row, shown: Sequence[Column], runs: Sequence[Run], *, seed: bool = False) -> Html:
    name: list[str] = [tag("a", row.label, attrs={"href": f"#{anchor(row.runs[0], runs)}"})]
    if row.rows:
        fold = {"type": "button", "class": "fold", "aria-expanded": "false"}
        name.append(tag("button", f"{len(row.rows)} seeds", attrs=fold))
    if row.detail:
        name.append(tag("span", row.detail, attrs={"class": "detail"}))
    head = tag("th", name, attrs={"scope": "row"})
    attrs: dict[str, str | None] = {"class": "seed", "hidden": None} if seed else {}
    if all(run.error is not None for run in row.runs):
        reason = tag("td", row.runs[0].error or "", attrs={"class": "reason", "colspan": str(len(shown) + 1)})
        return tag("tr", head, reason, attrs=attrs)
    curve = spark(row.runs[0].curves, label=f"loss of {row.label}")
    return tag("tr", head, [_cell(row, column) for column in shown], tag("td", curve), attrs=attrs)


def _cell(row: Row, column: Column) -> Html:
    cell = row.cells[column.key]
    if isinstance(cell, str):
        return tag("td", "–", attrs={"class": "none", "title": cell})
    parts: list[str] = [tag("span", column.show(cell.number), attrs={"class": "number"})]
    if cell.interval is not None:
        parts.append(tag("small", f" [{column.show(cell.interval[0])}, {column.show(cell.interval[1])}]"))
    elif cell.error is not None:
        parts.append(tag("small", f" ± {column.show_error(cell.error)}"))
    if cell.note:
        parts.append(tag("small", f"({cell.note})", attrs={"class": "note soft"}))
    mark = row.marks.get(column.key)
    attrs = {"data-value": repr(cell.number), **({"class": mark} if mark else {})}
    if cell.spread is not None:
        attrs["title"] = f"mean of {len(row.rows)} seeds; their standard deviation: {column.show_error(cell.spread)}"
    return tag("td", parts, attrs=attrs)


def _legend(groups: Sequence[Group], shown: Sequence[Column]) -> Html:
    about = [(tag("dt", column.title), tag("dd", column.about)) for column in shown]
    reasons = []
    rows = [row for group in groups for row in group.rows if row.runs[0].error is None]
    for column in of_table(groups):
        if column not in shown and rows:
            why = list(dict.fromkeys(str(row.cells[column.key]) for row in rows))
            reasons.append(f"{column.title} ({'; '.join(why)})")
    parts = [tag("dl", [join(pair) for pair in about], attrs={"class": "columns"})]
    parts.append(tag("p", ERRORS, attrs={"class": "soft"}))
    if reasons:
        parts.append(tag("p", f"No run has a number for: {', '.join(reasons)}.", attrs={"class": "soft"}))
    return tag("details", tag("summary", "What the columns are"), parts, attrs={"open": None})


def _article(run: Run, runs: Sequence[Run]) -> Html:
    seed = "" if run.seed is None else f", seed {run.seed}"
    title = tag("h3", f"{run.name} on {run.data}{seed}" if run.config.get("data") else run.name)
    attrs = {"id": anchor(run, runs)}
    if run.error is not None:
        where = tag("p", tag("code", run.where), attrs={"class": "facts"}) if run.path else ""
        return tag("article", title, tag("p", run.error, attrs={"class": "error"}), where, attrs=attrs)
    written = {Path(name).stem for name in run.pictures if name.endswith(".txt")}  # which a picture only shows in part
    figures = [figure(name, path) for name, path in run.pictures.items() if name not in written]
    curve = chart(run.curves)
    if curve:
        figures.append(tag("figure", curve, tag("figcaption", "loss by step"), attrs={"class": "curve"}))
    return tag(
        "article",
        title,
        tag("p", _facts(run), attrs={"class": "facts"}),
        tag("div", figures, attrs={"class": "sight"}),
        [tag("p", note, attrs={"class": "soft"}) for note in run.notes],
        tag("pre", run.command),
        _settings(run, runs),
        _measured(run),
        tag("p", tag("code", run.where), attrs={"class": "facts"}),
        attrs=attrs,
    )


def _facts(run: Run) -> str:
    parts = [STATUS.get(run.status, run.status)]
    steps = whole(run.facts["step"])
    parts.append(f"{steps} step{'' if steps == '1' else 's'}" + (f" in {duration(run.seconds)}" if run.seconds else ""))
    parts.append(f"{whole(run.facts['parameters'])} parameters")
    if run.rollbacks:
        parts.append(f"went back {run.rollbacks} times")
    record = record_of(run, "nll")
    if record is not None and record.get("method"):
        parts.append(str(record["method"]))
    return " · ".join(part for part in parts if part)


_TOLD = ("name", "seed")
"""Settings that a run's title says."""

STATUS = {
    FINISHED: "trained to its end",
    STOPPED: "stopped at its share of the budget, scored as it stands",
    "interrupted": "not trained to its end, scored as it stands",
}
"""How a run ended, in words."""


def _settings(run: Run, runs: Sequence[Run]) -> Html:
    """The settings that not all runs share, beside nothing else: what is common is not what tells them apart."""
    others = [other.settings for other in runs if other is not run and other.config.get("data")]
    mine = {
        key: value
        for key, value in run.settings.items()
        if key not in _TOLD and any(other.get(key, run) != value for other in others)
    }
    if not mine:
        return Html("")
    rows = [tag("tr", tag("td", key), tag("td", plain(value))) for key, value in mine.items()]
    return tag("details", tag("summary", f"{len(mine)} settings that not all runs share"), tag("table", rows))


def _measured(run: Run) -> Html:
    """All records, also those that have no column; and what could not be measured, with the reason."""
    lines = [_record(record) for records in run.records.values() for record in records]
    lines += [(metric, "", f"needs {why}" if not why[:1].isupper() else why) for metric, why in run.lacks.items()]
    rows = [tag("tr", [tag("td", cell) for cell in line]) for line in lines]
    return tag("details", tag("summary", "all that was measured"), tag("table", rows)) if rows else Html("")


def _record(record: Mapping[str, object]) -> tuple[str, str, str]:
    value = record["value"]
    assert isinstance(value, float)
    error, interval = record.get("standard_error"), record.get("interval")
    number = decimals(value)
    if isinstance(interval, list | tuple):
        number += f" [{decimals(interval[0])}, {decimals(interval[1])}]"
    elif isinstance(error, float):
        number += f" ± {decimals(error)}"
    told = [str(record[key]) for key in ("unit", "kind", "method", "extractor") if record.get(key)]
    told += [f"K={record['num_particles']}"] if record.get("num_particles") else []
    told += [f"n={record['n']}", str(record["split"])]
    return str(record["metric"]), number, ", ".join(told)
