"""``metric=energy``: the energies of data, of the model's own samples and of noise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from torch import nn

from genlab.data.spaces import Dataset
from genlab.evaluation.energies import ENERGIES, energies
from genlab.evaluation.record import Record, check_number
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.models.capabilities import UnnormalisedDensity
from genlab.signatures.ranges import Positive


class Energy(Metric):
    """Energies of data, of the model's own samples and of noise, for models that have one.

    Args:
        n: examples of each at most.
    """

    needs = (UnnormalisedDensity,)

    def __init__(self, *, n: Positive = 1000) -> None:
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Mean energies, and how often an example's is below that of noise."""
        model = subject.loaded.model
        assert isinstance(model, UnnormalisedDensity)
        data = dataclasses.replace(subject.data, test=subject.split)
        found = energies(model, data, n=self.n, seed=subject.seed)
        common: dict[str, Any] = {"kind": "estimate", "split": subject.split_name, "seed": subject.seed}
        records = [
            Record(
                metric=f"energy_{name}",
                value=found[name]["mean"],
                unit="energy, mean",
                n=int(found[name]["n"]),
                standard_error=found[name]["std"] / math.sqrt(max(1, found[name]["n"] - 1)),
                **common,
            )
            for name in ("data", "samples", "noise")
        ]
        below_noise, n = found["data_below_noise"], int(found["data"]["n"])
        below = Record(
            metric="energy_data_below_noise",
            value=below_noise["probability"],
            unit="probability",
            n=n,
            standard_error=below_noise["standard_error"],
            method="the probability that an example has a lower energy than uniform noise; chance is 1/2",
            **common,
        )
        yield from (*records, below)

    @classmethod
    def at_end(cls, model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
        """``energy``: those of data, samples and noise."""
        if not isinstance(model, UnnormalisedDensity):
            return {}
        found = energies(model, data, n=ENERGIES, seed=seed)
        for name in ("data", "samples"):
            check_number(f"energy of {name}", found[name]["mean"])
        return {"energy": found}
