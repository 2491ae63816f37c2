"""The ledger: what a number is, and what it stands on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from genlab.errors import TrainingError
from genlab.numerals import decimals


@dataclass(frozen=True)
class Rate:
    """A number of examples as one of the units that they consist of: characters, samples of sound, frames.

    Attributes:
        value: the sum over examples divided by the sum of their units.
        unit: "bits/character", "nats/frame".
        scale: what a mean over examples is multiplied by to get it.
        standard_error: of a ratio; None of a single example.
        influence: of each example on the value, as `Record.influence`.
    """

    value: float
    unit: str
    scale: float
    standard_error: float | None = None
    influence: tuple[float, ...] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Its unit as a name, "bits_per_character"."""
        return self.unit.replace("/", "_per_")

    def __str__(self) -> str:
        error = "" if self.standard_error is None else f" ± {decimals(self.standard_error)}"
        return f"{decimals(self.value)}{error} {self.unit}"


@dataclass(frozen=True)
class Record:
    """One measured number.

    Attributes:
        metric: its name, e.g. "nll".
        value: the number.
        unit: e.g. "nats per example", "bits/dim".
        kind: "exact"; "upper bound" or "lower bound", where the truth is at most or at least this, but for the
            standard error; or "estimate" for what samples tell of a distribution.
        n: number of examples behind it, none padded, none left out.
        standard_error: of the mean over examples, or of the estimate; None where `interval` says it, or nothing can
            (a single example).
        split: "train", "val" or "test".
        seed: of the Monte Carlo noise and of nothing else.
        num_particles: importance samples per example; None where nothing is sampled.
        conditional: True when it scores ``p(x | y)``, given the label, rather than ``p(x)``; "vector" given a vector.
        terms: the parts that add up to it, in the same unit.
        checkpoint: the file that was scored.
        method: how it was computed where that is a matter of choice, e.g. the grid of a normaliser.
        interval: a bootstrap interval of 95%, ``(low, high)``.
        extractor: the features it stands on, with the hash of their weights.
        warning: why it is not to be relied on, though it is a number.
        influence: of each example on the value, as `genlab.evaluation.statistics.estimate.influence` gives it, where
            two values of the same examples can be compared by their differences.
        rate: the same per unit of a sequence, of which examples may have many or few.
    """

    metric: str
    value: float
    unit: str
    kind: str
    n: int
    standard_error: float | None
    split: str
    seed: int
    num_particles: int | None = None
    conditional: bool | str = False
    terms: dict[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
    method: str | None = None
    interval: tuple[float, float] | None = None
    extractor: str | None = None
    warning: str | None = None
    influence: tuple[float, ...] | None = field(default=None, repr=False)
    rate: Rate | None = None

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Record:
        """Inverse of `to_dict`; a record of before has no rate."""
        rate = plain.get("rate")
        return cls(**{**plain, "rate": None if rate is None else Rate(**rate)})

    def checked(self) -> Record:
        """This record, if it is a number.

        Raises:
            TrainingError: it is infinite or none.
        """
        if not math.isfinite(self.value):
            raise TrainingError(
                f"metric={self.metric} is {self.value} on the {self.split} split; score another checkpoint "
                "(ckpt=RUN/checkpoints/step-N.ckpt), or train again with a smaller optim.lr or a larger model"
            )
        return self

    def uncertainty(self) -> str:
        """``± 0.12`` or ``[0.8, 1.1]``; empty where neither is known."""
        if self.interval is not None:
            return f"[{decimals(self.interval[0])}, {decimals(self.interval[1])}]"
        return "" if self.standard_error is None else f"± {decimals(self.standard_error)}"

    def scalars(self, prefix: str) -> dict[str, float]:
        """``{"<prefix>/<metric>": value, "<prefix>/standard_error": ...}`` for a logger, and several terms."""
        found = {f"{prefix}/{self.metric}": self.value}
        if self.standard_error is not None:
            found[f"{prefix}/standard_error"] = self.standard_error
        if len(self.terms or ()) > 1:
            found |= {f"{prefix}/{name}": value for name, value in self.terms.items()}
        return found if self.rate is None else {**found, f"{prefix}/{self.metric}_{self.rate.name}": self.rate.value}

    def rated(self, metric: str) -> Record:
        """The rate as a record of its own.

        Raises:
            ValueError: there is none.
        """
        if self.rate is None:
            raise ValueError(f"{self.metric}: no unit to divide it by")
        other = self.scaled(self.rate.scale, metric=metric, unit=self.rate.unit)
        rate = self.rate
        return replace(other, value=rate.value, standard_error=rate.standard_error, influence=rate.influence)

    def scaled(self, factor: float, *, metric: str, unit: str) -> Record:
        """The same measurement in another unit, its error and its terms with it."""
        return replace(
            self,
            metric=metric,
            unit=unit,
            value=self.value * factor,
            standard_error=None if self.standard_error is None else self.standard_error * factor,
            interval=None if self.interval is None else (self.interval[0] * factor, self.interval[1] * factor),
            terms={name: value * factor for name, value in self.terms.items()},
            influence=None if self.influence is None else tuple(value * factor for value in self.influence),
            rate=None,
        )

    def to_dict(self, *, influence: bool = False) -> dict[str, object]:
        """Plain types for ``summary.json``; with its numbers of each example for the scores that are kept."""
        plain = asdict(self)
        for each in () if influence else (plain, plain["rate"] or {}):
            each.pop("influence", None)
        return plain

    def __str__(self) -> str:
        sign = {"exact": "=", "upper bound": "<=", "lower bound": ">=", "estimate": "~"}[self.kind]
        kind = self.kind + (f", K={self.num_particles}" if self.num_particles else "")
        what = "label" if self.conditional is True else self.conditional
        given = f" given the {what}" if what else ""
        number = f"{decimals(self.value)} {self.uncertainty()}".rstrip()
        also = "" if self.rate is None else f", {self.rate}"
        return f"{self.metric}{given} {sign} {number} {self.unit}{also} ({kind}, n={self.n})"


def check_number(name: str, value: float) -> None:
    """Raise TrainingError unless ``value`` is finite: losses judge the weights before their update, this the last."""
    if not math.isfinite(value):
        raise TrainingError(
            f"{name} is {value} after the last step; go on from an earlier checkpoint, or start again with a smaller "
            "optim.lr or trainer.gradient_clip_val=1"
        )
