"""The ledger: what a number is, and what it stands on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Record:
    """One measured number.

    Attributes:
        metric: its name, e.g. "nll".
        value: the number.
        unit: e.g. "nats per example", "bits/dim".
        kind: "exact", "upper bound" or "lower bound".
        n: number of examples behind it, none padded, none left out.
        standard_error: of the mean over examples.
        split: "train", "val" or "test".
        seed: of the Monte Carlo noise and of nothing else.
        num_particles: importance samples per example; None where nothing is sampled.
        conditional: True when it scores ``p(x | y)`` rather than ``p(x)``.
        terms: the parts that add up to it, in the same unit.
        checkpoint: the file that was scored.
        method: how it was computed where that is a matter of choice, e.g. the grid of a normaliser.
    """

    metric: str
    value: float
    unit: str
    kind: str
    n: int
    standard_error: float
    split: str
    seed: int
    num_particles: int | None = None
    conditional: bool = False
    terms: dict[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
    method: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain types for ``summary.json``."""
        return asdict(self)

    def __str__(self) -> str:
        sign = {"exact": "=", "upper bound": "<=", "lower bound": ">="}[self.kind]
        kind = self.kind + (f", K={self.num_particles}" if self.num_particles else "")
        given = " given the label" if self.conditional else ""
        return (
            f"{self.metric}{given} {sign} {self.value:.4f} ± {self.standard_error:.4f} {self.unit} ({kind}, n={self.n})"
        )
