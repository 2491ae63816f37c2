"""Denoising at all levels of a path of noise, weighted as the bound on the likelihood has it, or in favour of samples.

"A Connection Between Score Matching and Denoising Autoencoders", P. Vincent, 2011, https://doi.org/10.1162/NECO_a_00142
"Denoising Diffusion Probabilistic Models", J. Ho, A. Jain, P. Abbeel, 2020, https://arxiv.org/abs/2006.11239 (simple)
"Variational Diffusion Models", D. P. Kingma, T. Salimans, B. Poole, J. Ho, 2021, https://arxiv.org/abs/2107.00630
(bound; section 5.1: times that are spread evenly over a batch)
"Elucidating the Design Space of Diffusion-Based Generative Models", T. Karras, M. Aittala, T. Aila, S. Laine, 2022,
https://arxiv.org/abs/2206.00364 (edm: table 1)
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.errors import ConfigError
from genlab.models.denoising import Denoiser
from genlab.models.diffusion.bound import DiffusionBound, noise_error
from genlab.models.diffusion.schedules import Learned
from genlab.models.scaled import Scaled
from genlab.objectives.base import Loss, Objective, Step, condition
from genlab.ops.collectives import gathered
from genlab.ops.random import normal

EDM_MEAN, EDM_STD = -1.2, 1.2
"""Of ``log sigma``, as drawn by Karras et al. (2022) for data of a standard deviation of 1/2."""


class DenoisingScoreMatching(Objective):
    """``E w(t) |eps - eps_hat(x_t)|^2`` over examples, times and noise.

    Args:
        weighting: "bound": ``w = -lambda' / 2``, and the terms of both ends: minus the bound, in nats per example;
            "simple": ``w = 1 / D``; "edm": ``w = (1 + 1 / snr) / D``, at noise-to-signal ratios that are log-normal,
            around where there is something to learn.
    """

    needs = (DiffusionBound,)

    def __init__(self, *, weighting: Literal["bound", "simple", "edm"] = "bound") -> None:
        super().__init__()
        self.weighting = weighting

    def prepare(self, model: nn.Module) -> None:
        """Also check that the weighting and the model's path go together.

        Raises:
            ConfigError: they do not.
        """
        super().prepare(model)
        if self.weighting != "bound" and isinstance(model.path, Learned):
            raise ConfigError(
                f"model.schedule=learned is learned by the bound: use objective.weighting=bound, not {self.weighting}"
            )

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss; with the bound, its parts."""
        assert isinstance(model, DiffusionBound)  # `needs` says so
        if isinstance(model, Scaled):
            model.anchor(gathered(batch.x))
        c = condition(model, batch)
        u = model.from_data(batch.x)
        t = self.times(model, u)
        eps = normal(len(u), *u.shape[1:], like=u, generator=None)
        error = noise_error(model, u, t, eps, c, hidden=model.hides(len(u), like=u))
        if self.weighting != "bound":
            weight = 1.0 if self.weighting == "simple" else 1 + (-model.path.log_snr(t)).exp()
            value = (weight * error).mean() / u[0].numel()
            return Loss(value, {"error": value.detach()})
        terms = {name: -term.mean() for name, term in model.ends(batch.x).items()}
        quiet = error - model.control(t) * (eps.square() - 1).flatten(1).sum(1)
        terms["diffusion"] = (-0.5 * model.path.log_snr_rate(t) * quiet).mean()
        if isinstance(model.path, Learned):  # for the next step
            model.path.observe(t, error.detach())
        return Loss(torch.stack(list(terms.values())).sum(), {name: term.detach() for name, term in terms.items()})

    def times(self, model: Denoiser, u: Tensor) -> Tensor:
        """``(B,)``: spread evenly over [0, 1], all moved by the same random number; for "edm" through its quantiles."""
        n = len(u)
        begin = torch.rand((), device=u.device, dtype=u.dtype)
        even = (begin + torch.arange(n, device=u.device, dtype=u.dtype) / n) % 1
        if self.weighting != "edm":
            return even
        log_sigma = EDM_MEAN + EDM_STD * torch.special.ndtri(even.double().clamp(1e-6, 1 - 1e-6)).to(u.dtype)
        # with the data's standard deviation of 1/2 in Karras et al., and of 1 here
        return model.path.time_of(-2 * (log_sigma + 0.6931)).clamp(0, 1)
