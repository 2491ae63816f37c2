"""Maximum likelihood: exact where the model knows its likelihood, through a bound where it does not."""

from __future__ import annotations

from torch import nn

from genlab.data.batches import Batch
from genlab.models.capabilities import ExactLikelihood, LikelihoodBound
from genlab.models.conditions import condition, log_prob
from genlab.objectives.base import Loss, Objective, Step


class MaximumLikelihood(Objective):
    """``loss = -log p(x)`` averaged over the batch, nats per example; ``-elbo(x)`` for a model that knows a bound."""

    needs = (ExactLikelihood | LikelihoodBound,)

    def __init__(self) -> None:
        super().__init__()

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss; its one term ``nll`` (or ``bound``) is the loss itself."""
        exact = isinstance(model, ExactLikelihood)
        score = log_prob(model, batch) if exact else model.elbo(batch.x, condition(model, batch))  # type: ignore[operator]
        value = -score.mean()
        return Loss(value, {"nll" if exact else "bound": value.detach()})
