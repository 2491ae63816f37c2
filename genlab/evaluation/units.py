"""Which latents are in use: a unit whose posterior mean does not depend on x says nothing.

``A_u = Var_x(E[z_u | x])``, and a unit is active where ``A_u > 0.01``: "Importance Weighted Autoencoders", Y. Burda,
R. Grosse, R. Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519, section 5.1.
"""

from __future__ import annotations

from typing import Any

import torch

from genlab.data.spaces import Dataset
from genlab.data.subset import subset
from genlab.evaluation.artefacts.latents import device_of, given
from genlab.models.capabilities import ApproximatePosterior
from genlab.models.conditions import rows
from genlab.ops.eval_mode import evaluating

ACTIVE = 0.01
"""Variance of the posterior's mean over examples, in prior variances."""

EXAMPLES, AT_ONCE = 2000, 250


@torch.no_grad()
def units(model: ApproximatePosterior, data: Dataset, *, seed: int) -> dict[str, Any]:
    """Of validation examples: ``active`` of ``units``, ``kl`` in nats and ``kl_per_unit``; plain types.

    The posterior is taken where the prior is standard normal; for a conditional model, given the conditions. Of a
    single example no variance can be told, and ``active`` is None.
    """
    examples = subset(data.val, EXAMPLES, seed=seed)
    device, c = device_of(model), given(model, examples)
    means, kls = [], []
    with evaluating(model):
        for index in torch.arange(len(examples)).split(AT_ONCE):
            mean, variance = model.posterior_moments(examples.x[index].to(device), rows(c, index.to(device)))
            mean, variance = mean.double().cpu(), variance.double().cpu()
            means.append(mean)
            kls.append(0.5 * (mean.square() + variance - variance.log() - 1))
    mean, kl = torch.cat(means), torch.cat(kls).mean(0)
    active = None if len(mean) < 2 else int((mean.var(0) > ACTIVE).sum())
    return {
        "units": mean.shape[1],
        "active": active,
        "kl": kl.sum().item(),
        "kl_per_unit": kl.tolist(),
        "n": len(mean),
    }
