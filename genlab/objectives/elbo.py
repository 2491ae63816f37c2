"""The evidence lower bound on the log-likelihood of a latent-variable model, maximised.

"Auto-Encoding Variational Bayes", D. P. Kingma, M. Welling, 2014, https://arxiv.org/abs/1312.6114
"beta-VAE", I. Higgins, L. Matthey, A. Pal, et al., 2017, https://openreview.net/forum?id=Sy2fzU9gl
"Improved Variational Inference with Inverse Autoregressive Flow" (free bits), D. P. Kingma, T. Salimans, R. Jozefowicz,
X. Chen, I. Sutskever, M. Welling, 2016, https://arxiv.org/abs/1606.04934
"""

from __future__ import annotations

from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.models.capabilities import LatentBound
from genlab.models.levels import LatentLevels
from genlab.objectives.base import Loss, Objective, Step, condition
from genlab.signatures.ranges import NonNegative, NonNegativeFloat


class ELBO(Objective):
    """``loss = -E_q[log p(x | z)] + beta_t KL(q(z | x) || p(z))``, averaged over the batch, nats per example.

    Of a model with levels of latents the KL is a sum over them, and each is a term of the log.

    Args:
        beta: weight of the KL; 1 is the bound on the log-likelihood.
        warmup_steps: ``beta_t`` grows linearly from 0 to beta over this many steps.
        free_bits: nats that the batch's average KL of each level has for free: ``max(KL_i, free_bits)`` is minimised,
            so that no level is given up at the beginning of training.
    """

    needs = (LatentBound,)

    def __init__(
        self, *, beta: NonNegativeFloat = 1.0, warmup_steps: NonNegative = 0, free_bits: NonNegativeFloat = 0.0
    ) -> None:
        super().__init__()
        self.free_bits = free_bits
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
        """The loss with its terms ``reconstruction`` (negative) and ``kl``, of several levels also ``kl_1``, ..."""
        c = condition(model, batch)
        if isinstance(model, LatentLevels):
            terms = model.level_terms(batch.x, c)
            kl = terms.kl.mean(0)
        else:
            terms = model.elbo_terms(batch.x, c)  # type: ignore[operator]
            kl = terms.kl.mean()[None]
        reconstruction = -terms.reconstruction.mean()
        paid = kl.clamp_min(self.free_bits) if self.free_bits else kl
        value = reconstruction + self.beta_at(step) * paid.sum()
        parts = {"reconstruction": reconstruction.detach(), "kl": kl.sum().detach()}
        if len(kl) > 1:
            parts |= {f"kl_{level}": each for level, each in enumerate(kl.detach(), start=1)}
        return Loss(value, parts)
