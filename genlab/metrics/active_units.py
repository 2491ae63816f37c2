"""``metric=active_units``: latents that say something of an example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import nn

from genlab.data.spaces import Dataset
from genlab.evaluation.record import Record, check_number
from genlab.evaluation.units import ACTIVE, units
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable, record
from genlab.models.capabilities import ApproximatePosterior


class ActiveUnits(Metric):
    """Latents whose posterior mean varies over examples (Burda et al., 2016, section 5.1), and the posterior's KL."""

    needs = (ApproximatePosterior,)

    def compute(self, subject: Subject) -> Iterator[Record]:
        """How many are in use, and the KL in nats per example.

        Raises:
            Unanswerable: of a single example no variance can be told.
        """
        model = subject.loaded.model
        assert isinstance(model, ApproximatePosterior)
        found = units(model, replace(subject.data, val=subject.split), seed=subject.seed)
        if found["active"] is None:
            raise Unanswerable("metric=active_units: a variance over examples needs at least 2 of them, there is 1")
        method = f"of {found['units']} latents, those whose posterior mean has a variance above {ACTIVE}"
        told = {"n": found["n"], "of_samples": False}
        yield record(subject, "active_units", float(found["active"]), unit="latents", method=method, **told)
        yield record(subject, "posterior_kl", found["kl"], unit="nats per example", **told)

    @classmethod
    def at_end(cls, model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
        """``latents``: of the validation split, unit by unit too."""
        if not isinstance(model, ApproximatePosterior):
            return {}
        found = units(model, data, seed=seed)
        check_number("KL of the posterior", found["kl"])
        return {"latents": found}
