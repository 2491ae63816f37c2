"""Flow matching: a velocity field regressed on straight lines between data and noise.

    loss = E |v(x_t, t) - (eps - x_0)|^2 / D,    x_t = (1 - t) x_0 + t eps

Each example has noise of its own, drawn apart from it (``coupling=independent``), or the noise of a batch is paired
with its examples so that they are near each other (``coupling=ot``): lines cross less, and the flow is straighter.

"Flow Matching for Generative Modeling", Y. Lipman, R. T. Q. Chen, H. Ben-Hamu, M. Nickel, M. Le, 2023,
https://arxiv.org/abs/2210.02747
"Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport", A. Tong, K. Fatras,
N. Malkin, G. Huguet, Y. Zhang, J. Rector-Brooks, G. Wolf, Y. Bengio, 2024, https://arxiv.org/abs/2302.00482
"Scaling Rectified Flow Transformers for High-Resolution Image Synthesis", P. Esser and others, 2024,
https://arxiv.org/abs/2403.03206 (times by a logistic-normal distribution)
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.models.diffusion.flow_matching import VelocityModel
from genlab.objectives.base import Loss, Objective, Step, condition
from genlab.ops.collectives import gathered


class FlowMatching(Objective):
    """``loss = E |v(x_t, t) - (eps - x_0)|^2 / D``, averaged over the batch.

    Args:
        coupling: "independent", or "ot": a batch's noise is paired with its examples by optimal transport, on the host.
        times: "uniform" on [0, 1]; "squared" of these, more of which are near the data, where edges are; or
            "logit_normal", more of which are half-way. "auto": squared of reals, uniform of integers.
    """

    needs = (VelocityModel,)

    def __init__(
        self,
        *,
        coupling: Literal["independent", "ot"] = "independent",
        times: Literal["auto", "uniform", "squared", "logit_normal"] = "auto",
    ) -> None:
        super().__init__()
        self.coupling = coupling
        self.times = times

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss; its one term ``error`` is the loss itself."""
        assert isinstance(model, VelocityModel)
        if not model.is_anchored:
            model.anchor(gathered(batch.x))
        data = model.dequantised(batch.x)
        noise = torch.randn_like(data)
        if self.coupling == "ot":
            noise = noise[paired(data, noise)]
        t = spread_times(len(data), like=data)
        if self.times == "squared" or (self.times == "auto" and model.spec.levels is None):
            t = t.square()
        elif self.times == "logit_normal":
            t = torch.special.ndtri(t.clamp(1e-4, 1 - 1e-4)).sigmoid()
        x, hidden = model.path.add_noise(data, t, noise), model.hides(len(data), like=data)
        error = model.flow(x, t, condition(model, batch), hidden=hidden) - (noise - data)
        value = error.square().mean()
        return Loss(value, {"error": value.detach()})


def spread_times(n: int, *, like: Tensor) -> Tensor:
    """``n`` times, each uniform on ``[0, 1)``, that together cover it evenly (Kingma et al., 2021), ``(n,)``."""
    first = torch.rand((), device=like.device, dtype=like.dtype)
    return (first + torch.arange(n, device=like.device) / n) % 1


def paired(data: Tensor, noise: Tensor) -> Tensor:
    """The order of the noise in which the squared distances to the data have the least sum, ``(B,) int64``.

    Raises:
        RuntimeError: a step is being recorded, which cannot wait for the host.
    """
    if data.is_cuda and torch.cuda.is_current_stream_capturing():
        raise RuntimeError("objective.coupling=ot pairs data and noise on the host")
    from scipy.optimize import linear_sum_assignment

    cost = torch.cdist(data.flatten(1), noise.flatten(1)).square()
    _, order = linear_sum_assignment(cost.detach().cpu().numpy())
    return torch.from_numpy(order).to(data.device)
