"""``metric=ode_nll``: the likelihood of a diffusion's deterministic flow, beside the bound of the noisy one."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.data.batches import Batch
from genlab.evaluation.likelihood import conditional, mean_and_error, per_example
from genlab.evaluation.record import Record
from genlab.evaluation.reference import judged
from genlab.evaluation.statistics.estimate import influence
from genlab.metrics._likelihood import settings
from genlab.metrics._needs import reals
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.models.capabilities import GenerativeModel
from genlab.models.conditions import condition
from genlab.models.diffusion.diffusion import Diffusion
from genlab.models.diffusion.ode_likelihood import exact
from genlab.models.diffusion.probability_flow import log_density
from genlab.signatures.ranges import Positive


class OdeNLL(Metric):
    """Negative log-likelihood of the probability-flow ODE in nats per example (real data).

    Args:
        steps: of the Runge-Kutta method, four evaluations each.
    """

    needs = (Diffusion, reals)
    better = "lower"
    shared = True

    def __init__(self, *, steps: Positive = 50) -> None:
        self.steps = steps

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        model = subject.model
        assert isinstance(model, Diffusion)  # `needs` says so

        def values(_: GenerativeModel, batch: Batch, generators: list[torch.Generator]) -> dict[str, Tensor]:
            found = log_density(
                model, model.from_data(batch.x), condition(model, batch), steps=self.steps, generator=generators
            )
            return {"flow": -found, "scale": model.log_volume.expand(len(batch.x))}

        table = per_example(model, subject.split, values, **settings(subject, self.name))
        total = table["flow"] + table["scale"]
        value, error = mean_and_error(total)
        told = exact(model.spec.dim)
        record = Record(
            metric=self.name,
            value=value,
            unit="nats per example",
            kind="exact" if told else "estimate",
            n=len(subject.split),
            standard_error=error,
            split=subject.split_name,
            seed=subject.seed,
            conditional=conditional(model),
            terms={name: column.mean().item() for name, column in table.items()},
            method=f"probability-flow ODE by rk4 in {self.steps} steps, "
            + ("exact trace" if told else "Hutchinson's trace"),
            influence=influence(total),
        )
        yield judged(record, subject.data, subject.split)
