"""A number in a cell of the table, how uncertain it is, and its difference from another."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Value:
    """A number in a cell.

    Attributes:
        number: it.
        error: its standard error; None where it has none, or where `interval` says it. See `ERRORS`.
        interval: of 95%.
        note: a few words beside it.
        scope: it compares with the values of equal scope; None: with nothing.
        spread: of a mean over seeds, their standard deviation.
        of_seeds: of a mean over seeds, the part of its error that they have.
        influence: of each example on the number, see `genlab.evaluation.statistics.estimate.influence`; None where not
        known.
    """

    number: float
    error: float | None = None
    interval: tuple[float, float] | None = None
    note: str = ""
    scope: Hashable = None
    spread: float | None = None
    of_seeds: float = 0.0
    influence: tuple[float, ...] | None = field(default=None, repr=False)

    @property
    def uncertainty(self) -> float:
        """The standard error, also where an interval says it; 0 where there is none."""
        if self.interval is not None:
            return (self.interval[1] - self.interval[0]) / 4
        return self.error or 0.0

    def scaled(self, factor: float) -> Value:
        """The number in another unit, of one run."""
        return Value(
            self.number * factor,
            None if self.error is None else self.error * factor,
            None if self.interval is None else (self.interval[0] * factor, self.interval[1] * factor),
            scope=self.scope,
            influence=None if self.influence is None else tuple(each * factor for each in self.influence),
        )

    def error_of_difference(self, other: Value) -> float:
        """Standard error of this number less the other.

        Of the same examples it is that of their own differences: two models that find the same examples hard differ by
        less than either number is uncertain. Where these are not known, as of samples, it is that of independent ones.
        """
        mine, others = self.influence or (), other.influence or ()
        if len(mine) < 2 or len(mine) != len(others):
            return math.hypot(self.uncertainty, other.uncertainty)
        return math.hypot(math.dist(mine, others), self.of_seeds, other.of_seeds)


ERRORS = (
    "± is one standard error: of a run, over examples, samples or timed repetitions; of a mean over k seeds, "
    "sqrt(e^2 + s^2 / k) of that error e, which more seeds do not average out, and of their standard deviation s. "
    "Tied with the best is what differs from it by at most two standard errors of the difference; of numbers on the "
    "same examples, that of the examples' own differences."
)
"""What ± says, in the terminal and on the page."""

Cell = Value | str
"""A number, or why there is none."""
