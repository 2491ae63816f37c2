"""Sequences in the table: a column for each unit that their likelihoods are told in, in place of bits per dimension.

Nats per example compare where the examples are the same. A text that is cut into other windows, or coded by bytes and
by pieces of words, is still one text: bits per character compare, and so do bits per sample of recordings that are cut
into other pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from genlab.comparison.columns import Column, likelihood_scope, record_of, value_of
from genlab.comparison.recorded import Run, is_sequence
from genlab.comparison.show import significant
from genlab.comparison.value import Cell, Value

ABOUT = {
    "bits/character": "Bits per character of text, over the whole split: nll / (characters ln 2). Texts compare by it "
    "whatever their tokens are and however long the windows; each window is scored by itself.",
    "bits/token": "Bits per token, over the whole split: nll / (tokens ln 2).",
    "nats/token": "Nats per token, over the whole split; it compares among equal tokens only.",
    "bits/sample": "Bits per sample of sound, over the whole split: nll / (samples ln 2).",
    "nats/frame": "Nats per frame, over the whole split: nll / frames.",
}
"""By unit, what its column is; those by which more runs compare come first."""


def told_in(run: Run) -> dict[str, tuple[Mapping[str, Any], Hashable]]:
    """By unit, the likelihood of a sequence in it, and among what it compares."""
    record, scope = record_of(run, "nll"), likelihood_scope(run)
    if record is None or not is_sequence(run):
        return {}
    coded = (run.facts.get("coding"), run.facts.get("levels"))
    found: dict[str, tuple[Mapping[str, Any], Hashable]] = {}
    for name, among in (("nll_per_character", None), ("nll_per_token", coded)):
        each = record_of(run, "nll", name)
        if each is not None:
            found[each["unit"]] = (each, (scope, among))
    rate = record.get("rate")
    if rate is not None and "bits/character" not in found:
        found[rate["unit"]] = (rate, scope)
    return {unit: found[unit] for unit in ABOUT if unit in found}


def unit_columns(runs: Sequence[Run]) -> list[Column]:
    """The columns of the units in which at least one of the runs is told."""
    present = {unit for run in runs for unit in told_in(run)}
    kinds: dict[str, set[str]] = {}
    for run in runs:
        kinds.setdefault(run.material, set()).add(run.examples)
    unlike = {material for material, examples in kinds.items() if len(examples) > 1}
    return [
        Column(
            key_of(unit),
            unit,
            ABOUT[unit],
            of=_of(unit, unlike),
            show=significant,
            best="lower",
            metric="nll",
        )
        for unit in ABOUT
        if unit in present
    ]


def key_of(unit: str) -> str:
    """Of the column of a unit, ``nll_bits_per_character``; a metric's own column is named as the metric is."""
    return f"nll_{unit.replace('/', '_per_')}"


def compared(cells: Mapping[str, Cell]) -> Value | None:
    """The number by which a row of sequences stands above another: the first that it has in the order of `ABOUT`."""
    found = (cells.get(key_of(unit)) for unit in ABOUT)
    return next((cell for cell in found if isinstance(cell, Value)), None)


def explained(runs: Sequence[Run]) -> str:
    """What is to be said of a group of sequences whose examples are not all alike; empty where they are."""
    if not runs or not is_sequence(runs[0]) or len({run.examples for run in runs}) == 1:
        return ""
    unit = next(iter(told_in(runs[0])), runs[0].facts["unit"])
    return (
        f" They differ in how the data is cut into examples or coded: {unit} compare, nats per example do not. (What "
        "fills no window at the end of the split is scored by none, and may be more for one than for another.)"
    )


def _of(unit: str, unlike: Collection[str]) -> Callable[[Run], Cell]:
    """The cell of a unit; ``unlike``: what is cut in several ways, so that numbers are not of the same examples."""

    def of(run: Run) -> Cell:
        if record_of(run, "nll") is None:
            return run.lacks.get("nll", "not measured")
        found = told_in(run).get(unit)
        if found is None:
            return f"measured in {run.facts['unit']}" if run.facts.get("unit") else "no sequence"
        value = value_of(found[0], scope=found[1])
        return replace(value, influence=None) if run.material in unlike else value

    return of
