"""The columns: what a run's cell says, which numbers compare, and which of them is better.

A number carries the `scope` within which it compares: two numbers of different scopes are never ranked. Of a
likelihood that is the same examples, split, kind (exact, or a bound of K particles), and ``p(x)`` or ``p(x | y)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from genlab.comparison.recorded import FINISHED, Run, is_sequence
from genlab.comparison.show import duration, percent, probability, significant, two_digits, whole
from genlab.comparison.value import Cell, Value

EXACT, BOUND, NONE, TRANSLATES, FAILED = "exact", "upper bound", "none", "translates", "failed"


TRIVIAL = "worse than a trivial model"
"""The note beside a likelihood that is a number, and nonsense; what it is worse than stands in the run's own notes."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name in ``compare.csv``.
        title: its head.
        about: one sentence on what it is.
        of: the cell of a run.
        show: the number as text.
        best: "lower", "higher", or None where neither is better.
        metric: the metric it comes from, as ``genlab eval --metric`` names it; None for what the run itself says.
        show_error: the error as text.
    """

    key: str
    title: str
    about: str
    of: Callable[[Run], Cell]
    show: Callable[[float], str]
    best: str | None = None
    metric: str | None = None
    show_error: Callable[[float], str] = two_digits


def record_of(run: Run, metric: str, name: str | None = None) -> dict[str, Any] | None:
    """The record ``name`` (or the first) among those of a metric."""
    found = run.records.get(metric, [])
    return next((record for record in found if name is None or record["metric"] == name), None)


def likelihood_scope(run: Run) -> tuple[Hashable, ...]:
    """``(material, kind, K, given y, split)``: runs of equal scope have numbers of one kind."""
    record = record_of(run, "nll")
    if run.error is not None:
        return ("", FAILED, None, False, None)  # whatever the data: there is no number to compare
    if record is None:
        return (run.material, TRANSLATES if run.facts.get("translates") else NONE, None, False, None)
    return (run.material, record["kind"], record["num_particles"], record["conditional"], record["split"])


def bits(nats: float, facts: Mapping[str, Any]) -> float:
    """Nats per example in bits per dimension: ``nats / (D ln 2)``."""
    return nats / (facts["dim"] * math.log(2))


def _nll(run: Run) -> Cell:
    record = record_of(run, "nll")
    if record is None:
        return run.lacks.get("nll", "not measured")
    note = TRIVIAL if record.get("warning") else ""
    return replace(value_of(record, scope=(likelihood_scope(run), run.examples)), note=note)


def _bits_per_dim(run: Run) -> Cell:
    nll = _nll(run)
    if isinstance(nll, str):
        return nll
    if is_sequence(run):
        return f"measured in {run.facts['unit']}"
    if run.facts.get("levels") is None:
        return "real data has no bits"
    return nll.scaled(bits(1.0, run.facts))


def _code(run: Run) -> Cell:
    rate = _bits_per_dim(run)
    if isinstance(rate, str):
        return rate
    raw = math.log2(run.facts["levels"])
    return replace(rate, note=f"of {raw:.2f}")


def value_of(record: Mapping[str, Any], *, scope: Hashable) -> Value:
    """A record, or a rate, as a cell."""
    influence = record.get("influence")
    each = None if influence is None else tuple(influence)
    return Value(record["value"], record["standard_error"], _interval(record), scope=scope, influence=each)


def _interval(record: Mapping[str, Any]) -> tuple[float, float] | None:
    return None if record.get("interval") is None else (record["interval"][0], record["interval"][1])


ALIKE = ("split", "unit", "kind", "extractor", "n")
"""What numbers of one metric must have in common to compare; a Frechet distance, say, falls with more samples, and a
bound says nothing of which side of an exact number the truth is on."""

PER_UNIT = ("bits/character", "bits/byte", "bits/sample", "nats/frame")
"""Units of sequences in which numbers compare however the data is cut into examples, and so into how many."""


def measured(metric: str, name: str | None = None, *, alike: tuple[str, ...] = ALIKE) -> Callable[[Run], Cell]:
    """The record of a metric as a cell; it compares with those of the same examples that are ``alike`` in these."""

    def of(run: Run) -> Cell:
        record = record_of(run, metric, name)
        if record is None:
            return run.lacks.get(metric, "not measured")
        whole = record.get("unit") in PER_UNIT
        same = (record.get(key) for key in alike if not (whole and key == "n"))
        scope = (metric, run.material if whole else run.examples, *same)
        return value_of(record, scope=scope)

    return of


def _ood(run: Run) -> Cell:
    """By the likelihood where there is one, else by the energy, which is noted; the two do not compare."""
    for score in ("likelihood", "energy"):
        cell = measured("ood", f"ood_auroc_{score}")(run)
        if isinstance(cell, Value):
            return replace(cell, note="" if score == "likelihood" else score, scope=(score, cell.scope))
    return cell


def _compression(run: Run) -> Cell:
    """With the number of examples: of few the head is a large part."""
    cell = measured("compression", "compression")(run)
    record = record_of(run, "compression")
    return cell if isinstance(cell, str) or record is None else replace(cell, note=f"n={record['n']}")


def fact(key: str, why: str, *, scope: Hashable = None) -> Callable[[Run], Cell]:
    """Something the run itself says, as a cell."""

    def of(run: Run) -> Cell:
        value = run.facts.get(key)
        return why if value is None else Value(float(value), scope=scope)

    return of


def _seconds(run: Run) -> Cell:
    return "not recorded" if run.seconds is None else Value(run.seconds)


def _steps(run: Run) -> Cell:
    cell = fact("step", "not scored")(run)
    return cell if isinstance(cell, str) or run.status == FINISHED else replace(cell, note=run.status)


def _rollbacks(run: Run) -> Cell:
    return Value(float(run.rollbacks)) if run.facts else "not scored"


COLUMNS = (
    Column(
        "nll",
        "nats",
        "Mean negative log-likelihood in nats per example.",
        of=_nll,
        show=significant,
        best="lower",
        metric="nll",
    ),
    Column(
        "bpd",
        "bits/dim",
        "The same in bits per dimension: nll / (D ln 2); for integer data only.",
        of=_bits_per_dim,
        show=significant,
        best="lower",
        metric="nll",
    ),
    Column(
        "code",
        "ideal code",
        "Ideal code length in bits per dimension, which equals nll / (D ln 2): what a perfect entropy coder on this "
        "model would write; no coder was run. Beside it log2(levels), what the raw data takes.",
        of=_code,
        show=significant,
        best="lower",
        metric="nll",
    ),
    Column(
        "compression",
        "compression",
        "Bits per dimension (or another unit of the data) of a real file of some test examples, its head included, "
        "which was written, read again and found equal.",
        of=_compression,
        show=significant,
        best="lower",
        metric="compression",
    ),
    Column(
        "fcd",
        "FCD",
        "Frechet distance of samples and test data on the features of a small classifier of this data; it is no FID.",
        of=measured("fcd", "fcd"),
        show=significant,
        best="lower",
        metric="fcd",
    ),
    Column(
        "memorisation",
        "memorisation",
        "Probability that a sample is nearer to training data than an unseen example is; 0.5: as new as those.",
        of=measured("memorisation", "memorisation"),
        show=probability,
        show_error=probability,
        metric="memorisation",
    ),
    Column(
        "probe",
        "probe",
        "Accuracy of a linear classifier on the encoded test data.",
        of=measured("probe", "probe"),
        show=percent,
        show_error=percent,
        best="higher",
        metric="probe",
    ),
    Column(
        "bayes",
        "Bayes",
        "Accuracy of argmax_y log p(x | y) + log p(y).",
        of=measured("bayes", "bayes"),
        show=percent,
        show_error=percent,
        best="higher",
        metric="bayes",
    ),
    Column(
        "ood",
        "OOD AUROC",
        "Area under the ROC curve of telling other data from test data, by the likelihood unless another score is "
        "named.",
        of=_ood,
        show=probability,
        show_error=probability,
        best="higher",
        metric="ood",
    ),
    Column(
        "throughput",
        "samples/s",
        "Samples drawn per second on the machine that scored. None is marked: the machine's speed drifts by more than "
        "the error, and two copies of one model may differ by a third.",
        of=measured("throughput", "sampling_rate", alike=("unit", "method")),  # the method names the machine
        show=significant,
        metric="throughput",
    ),
    Column(
        "parameters",
        "parameters",
        "Numbers that were fitted or stored.",
        of=fact("parameters", "not scored"),
        show=whole,
    ),
    Column("steps", "steps", "Training batches behind the weights.", of=_steps, show=whole),
    Column(
        "rollbacks",
        "rollbacks",
        "Times that training diverged and went back to an earlier state.",
        of=_rollbacks,
        show=whole,
    ),
    Column("seconds", "time", "Wall-clock time of training.", of=_seconds, show=duration, show_error=duration),
)
"""In the order in which they stand."""


def further(metric: str, about: str, better: str | None) -> Column:
    """The column of a metric that has none of its own above: its first record, and what its class says of it."""
    key = f"metric.{metric}" if any(column.key == metric for column in COLUMNS) else metric
    return Column(key, metric, f"{about}.", of=measured(metric), show=significant, best=better, metric=metric)


METRICS = tuple(dict.fromkeys(column.metric for column in COLUMNS if column.metric))
"""The metrics that the table always has a place for, where the model and the data can have them."""
