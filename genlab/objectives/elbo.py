"""The evidence lower bound on the log-likelihood of a latent-variable model, maximised.

"Auto-Encoding Variational Bayes", D. P. Kingma, M. Welling, 2014, https://arxiv.org/abs/1312.6114
"beta-VAE", I. Higgins, L. Matthey, A. Pal, et al., 2017, https://openreview.net/forum?id=Sy2fzU9gl
"""

from __future__ import annotations

from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.models.capabilities import LatentBound
from genlab.objectives.base import Loss, Objective, Step, condition
from genlab.signatures.ranges import NonNegative, NonNegativeFloat


class ELBO(Objective):
    """``loss = -E_q[log p(x | z)] + beta_t KL(q(z | x) || p(z))``, averaged over the batch, nats per example.

    Args:
        beta: weight of the KL; 1 is the bound on the log-likelihood.
        warmup_steps: ``beta_t`` grows linearly from 0 to beta over this many steps.
    """

    needs = (LatentBound,)

    def __init__(self, *, beta: NonNegativeFloat = 1.0, warmup_steps: NonNegative = 0) -> None:
        super().__init__()
        self.beta = beta
        self.warmup_steps = warmup_steps

    def beta_at(self, step: Step) -> float | Tensor:
        """The weight of the KL at ``step``."""
        if not self.warmup_steps:
            return self.beta
        if isinstance(step, Tensor):
            return self.beta * ((step + 1) / self.warmup_steps).clamp(max=1)
        return self.beta * min(1.0, (step + 1) / self.warmup_steps)

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss with its terms ``reconstruction`` (negative) and ``kl``."""
        terms = model.elbo_terms(batch.x, condition(model, batch))  # type: ignore[operator]
        reconstruction, kl = -terms.reconstruction.mean(), terms.kl.mean()
        value = reconstruction + self.beta_at(step) * kl
        return Loss(value, {"reconstruction": reconstruction.detach(), "kl": kl.detach()})
