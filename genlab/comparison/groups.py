"""What stands beside what: groups of like numbers, rows that gather seeds, and the best of those that compare."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from genlab.comparison.columns import (
    BOUND,
    COLUMNS,
    EXACT,
    FAILED,
    NONE,
    TRANSLATES,
    Column,
    likelihood_scope,
)
from genlab.comparison.in_units import compared, explained, unit_columns
from genlab.comparison.recorded import FINISHED, SILENT, STOPPED, Run, plain
from genlab.comparison.value import Cell, Value

FIRST = 3
"""Columns of the likelihood before those in units of sequences."""

SIGMAS = 2.0
"""Two numbers whose difference is within so many of its standard errors are told as tied."""


@dataclass(frozen=True)
class Row:
    """One line of the table: a run, or runs that differ in the seed only.

    Attributes:
        label: name, and below it the settings that tell it from others of that name.
        runs: one, or several of different seeds.
        cells: by the column's key.
        marks: by the column's key: "best", or "tied" with the best.
        rows: the single runs of several.
    """

    label: str
    detail: str
    runs: tuple[Run, ...]
    cells: dict[str, Cell]
    marks: dict[str, str] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Group:
    """Rows whose likelihoods are of one kind.

    Attributes:
        title: what kind.
        why: one sentence: why these stand together and apart from the others.
        rows: the best likelihood first.
        columns: of the whole table.
    """

    title: str
    why: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...] = COLUMNS


def arrange(runs: Sequence[Run], *, more: Sequence[Column] = ()) -> list[Group]:
    """Groups of rows: data by data; exact numbers before bounds, bounds by K, then those without a likelihood.

    ``more``: columns beside `COLUMNS`.
    """
    columns = (*COLUMNS[:FIRST], *unit_columns(runs), *COLUMNS[FIRST:], *more)
    names = _data_names(run for run in runs if run.error is None)
    places = {examples: place for place, examples in enumerate(names)}
    grouped: dict[tuple[Hashable, ...], list[Run]] = {}
    for run in runs:
        grouped.setdefault(likelihood_scope(run), []).append(run)
    order = sorted(grouped, key=lambda scope: (places.get(str(scope[0]), len(places)), _rank(scope)))
    labels = _labels(runs)
    found = []
    for scope in order:
        rows = [_row(same, labels, columns) for same in _same_but_for_the_seed(grouped[scope])]
        title, why = describe(scope)
        entropy = grouped[scope][0].facts.get("entropy")
        if entropy is not None and scope[1] in {EXACT, BOUND}:
            why += f" The least possible number here is the entropy of the true density, {entropy:.4g} nats."
        why += explained(grouped[scope])
        if len(names) > 1 and scope[0] in names:
            title = f"{names[str(scope[0])]}: {title}"
        found.append(Group(title, why, tuple(sorted(rows, key=_by_likelihood)), columns))
    return _marked(found, columns)


def describe(scope: tuple[Hashable, ...]) -> tuple[str, str]:
    """A group's title, and why it stands apart."""
    _, kind, particles, conditional, split = scope
    what = "label" if conditional is True else conditional
    given = f", given the {what}" if what else ""
    tail = "" if split in {None, "test"} else f", {split} split"
    if kind == FAILED:
        return "Not scored", "Nothing could be measured on these; each says why."
    if kind == TRANSLATES:
        return "Translators", (
            "These turn a picture of one domain into one of the other: they have no density of pictures and draw none "
            "of their own, so they have neither a likelihood nor the scores of samples; genlab eval --metric "
            "translation scores their translations where there are pairs or labels."
        )
    if kind == NONE:
        return "No likelihood", (
            "These give samples or rank examples and have no normalised density here: no number of theirs stands "
            "beside a likelihood, and none is made up."
        )
    label = (
        f" They score p(x | {'y' if conditional is True else 'c'}): the {what} is information that the others have to "
        "pay for, so these numbers do not compare with those of p(x)."
        if conditional
        else ""
    )
    if kind == EXACT:
        return f"Exact likelihood{given}{tail}", (
            f"These numbers are the negative log-likelihood itself; they rank against one another.{label}"
        )
    return f"Upper bound, K = {particles}{given}{tail}", (
        "The true negative log-likelihood is at most this, by a gap that differs from model to model: compare at "
        "equal K, and not with exact numbers, to which a better model can lose by its gap alone. Diffusion and flow "
        f"matching average K draws, which makes their bounds less noisy and no tighter: those compare at any K.{label}"
    )


def _rank(scope: tuple[Hashable, ...]) -> tuple[int, bool, float, str]:
    _, kind, particles, conditional, split = scope
    place = {EXACT: 0, BOUND: 1, NONE: 2, TRANSLATES: 3, FAILED: 4}[str(kind)]
    return place, bool(conditional), float(str(particles or 0)), str(split)


def _data_names(runs: Iterable[Run]) -> dict[str, str]:
    """A name for each set of examples; two sets of one name also say what tells them apart."""
    held: dict[str, Run] = {}
    for run in runs:
        held.setdefault(run.material, run)
    names = {}
    for examples, run in held.items():
        others = [other for key, other in held.items() if key != examples and other.data == run.data]
        telling = _differing(run, others, within="data.") if others else ""
        names[examples] = f"{run.data}, {telling}" if telling else run.data
    return names


def _differing(run: Run, others: Iterable[Run], *, within: str = "", most: int = 3) -> str:
    """``latent_dim=8, lr=0.001``: what a run has that one of the others has not."""
    mine, theirs = run.settings, [other.settings for other in others]
    keys = [
        key
        for key, value in mine.items()
        if key.startswith(within)
        and not key.startswith(SILENT)
        and not key.endswith("_target_")
        and any(other.get(key) != value for other in theirs)
    ]
    shown = [f"{key.rpartition('.')[2]}={plain(mine[key])}" for key in keys[:most]]
    return ", ".join(shown + (["..."] if len(keys) > most else []))


def _labels(runs: Sequence[Run]) -> dict[int, str]:
    """What tells a run from the others of its name on the same data, by the run's identity."""
    found = {}
    for run in runs:
        alike = [other for other in runs if (other.name, other.material) == (run.name, run.material)]
        namesakes = [other for other in alike if other.trained != run.trained]
        settings = _differing(run, namesakes) if namesakes else ""
        otherwise = any(other.trained == run.trained and _ending(other) != _ending(run) for other in alike)
        ending = run.status if otherwise and run.status != FINISHED else ""
        found[id(run)] = ", ".join(part for part in (_coding(run, runs), settings, ending) if part)
    return found


def _coding(run: Run, runs: Sequence[Run]) -> str:
    """The coding of a text that others have in another one, where no namesake's settings say it."""
    alike = [other for other in runs if other.material == run.material]
    codings = {other.facts.get("coding") for other in alike}
    named = any(other.name == run.name and other.facts.get("coding") != run.facts.get("coding") for other in alike)
    return f"coding={run.facts['coding']}" if len(codings) > 1 and not named else ""


def _ending(run: Run) -> tuple[Hashable, ...]:
    """How far a run was trained: to its end, to its share of a budget, or to the step at which something broke it off.

    A run that was broken off is another model than one that was not, and than one that was broken off elsewhere: their
    mean would be that of no training.
    """
    return (run.status,) if run.status in {FINISHED, STOPPED} else (run.status, run.facts.get("step"))


def _same_but_for_the_seed(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs that differ in the seed only; of two with the same seed, the second begins a list of its own."""
    found: list[list[Run]] = []
    for run in runs:
        for same in found:
            alike = (same[0].trained, _ending(same[0])) == (run.trained, _ending(run))
            if run.config and alike and run.seed not in {other.seed for other in same}:
                same.append(run)
                break
        else:
            found.append([run])
    return found


def _row(runs: Sequence[Run], labels: dict[int, str], columns: Sequence[Column]) -> Row:
    first = runs[0]
    if len(runs) == 1:
        return Row(first.name, labels[id(first)], (first,), {column.key: column.of(first) for column in columns})
    singles = []
    for run in sorted(runs, key=lambda run: run.seed or 0):
        cells = {column.key: column.of(run) for column in columns}
        singles.append(Row(f"seed {run.seed}", "", (run,), cells))
    cells = {column.key: mean([row.cells[column.key] for row in singles]) for column in columns}
    return Row(first.name, labels[id(first)], tuple(row.runs[0] for row in singles), cells, rows=tuple(singles))


def mean(cells: Sequence[Cell]) -> Cell:
    """Mean over k seeds. With the error e of each and their standard deviation s, its error is sqrt(e^2 + s^2 / k).

    The seeds are scored on the same examples: what those leave open does not average out, and stays where a model that
    owes nothing to its seed has no s.
    """
    values = [cell for cell in cells if isinstance(cell, Value)]
    if len(values) < len(cells) or len({value.scope for value in values}) > 1:
        return next((cell for cell in cells if isinstance(cell, str)), "not of one kind")
    numbers = [value.number for value in values]
    spread = statistics.stdev(numbers)
    of_examples = statistics.fmean(value.uncertainty for value in values)
    of_seeds = spread / math.sqrt(len(values))
    error = math.hypot(of_examples, of_seeds)  # 0: a count that is always the same
    return Value(
        statistics.fmean(numbers),
        error or None,
        note=_note(values),
        scope=values[0].scope,
        spread=spread,
        of_seeds=of_seeds,
        influence=_influence(values),
    )


def _influence(values: Sequence[Value]) -> tuple[float, ...] | None:
    """That of each example on the mean over seeds, which are scored on the same examples."""
    of_seeds = [value.influence for value in values if value.influence is not None]
    if len(of_seeds) < len(values) or len({len(each) for each in of_seeds}) > 1:
        return None
    return tuple(map(statistics.fmean, zip(*of_seeds, strict=True)))


def _note(values: Sequence[Value]) -> str:
    """The note of all; where they differ, how many have which: ``1 of 2 interrupted``."""
    counted = Counter(value.note for value in values)
    if len(counted) == 1:
        return values[0].note
    return ", ".join(f"{count} of {len(values)} {note}" for note, count in counted.items() if note)


def _by_likelihood(row: Row) -> tuple[float, str]:
    cell = compared(row.cells) or row.cells["nll"]
    return (cell.number if isinstance(cell, Value) else math.inf, row.label)


def _marked(groups: Sequence[Group], columns: Sequence[Column]) -> list[Group]:
    """The same groups with "best" and "tied" in each column, among the numbers of one scope where there are several."""
    rows = [row for group in groups for row in group.rows]
    marks: dict[int, dict[str, str]] = {id(row): {} for row in rows}
    for column in columns:
        if column.best is None:
            continue
        scopes: dict[Hashable, list[tuple[Row, Value]]] = {}
        for row in rows:
            cell = row.cells[column.key]
            if isinstance(cell, Value) and cell.scope is not None:
                scopes.setdefault(cell.scope, []).append((row, cell))
        for held in scopes.values():
            if len(held) < 2:
                continue
            sign = 1 if column.best == "lower" else -1
            best_row, best = min(held, key=lambda pair: sign * pair[1].number)
            for row, cell in held:
                if row is best_row:
                    marks[id(row)][column.key] = "best"
                elif abs(cell.number - best.number) <= SIGMAS * cell.error_of_difference(best):
                    marks[id(row)][column.key] = "tied"
    return [replace(group, rows=tuple(replace(row, marks=marks[id(row)]) for row in group.rows)) for group in groups]
