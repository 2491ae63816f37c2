"""The importance-weighted bound on the log-likelihood, maximised.

"Importance Weighted Autoencoders", Y. Burda, R. Grosse, R. Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519
"""

from __future__ import annotations

from torch import nn

from genlab.data.batches import Batch
from genlab.models.capabilities import LikelihoodBound
from genlab.objectives.base import Loss, Objective, Step, condition
from genlab.signatures.ranges import Positive


class IWAE(Objective):
    """``loss = -E[log 1/K sum_k w_k]``: the K-particle bound, whose gradient weighs particles by importance.

    Args:
        num_particles: K; 1 is the ELBO with a sampled KL.
    """

    needs = (LikelihoodBound,)

    def __init__(self, *, num_particles: Positive = 5) -> None:
        super().__init__()
        self.num_particles = num_particles

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss; its one term is the negative bound itself."""
        bound = model.log_prob_bound(batch.x, self.num_particles, condition(model, batch))  # type: ignore[operator]
        value = -bound.mean()
        return Loss(value, {"bound": value.detach()})
