"""Variational diffusion: noise is added in a fixed or learned way, and a network learns to tell the data behind it.

    x_t = alpha(t) x_0 + sigma(t) eps,    alpha^2 + sigma^2 = 1,    lambda(t) = log alpha^2 / sigma^2

The network F says the noise, the data or a mix of both, from which ``D(x, t) = E[x_0 | x_t = x]`` follows:

    epsilon:  D = (x - sigma F) / alpha        x:  D = F        v:  D = alpha x - sigma F

Its likelihood is bounded (`genlab.models.diffusion.bound`), samples come from noise step by step.

"Deep Unsupervised Learning using Nonequilibrium Thermodynamics", J. Sohl-Dickstein, E. A. Weiss, N. Maheswaranathan,
S. Ganguli, 2015, https://arxiv.org/abs/1503.03585
"Denoising Diffusion Probabilistic Models", J. Ho, A. Jain, P. Abbeel, 2020, https://arxiv.org/abs/2006.11239
"Variational Diffusion Models", D. P. Kingma, T. Salimans, B. Poole, J. Ho, 2021, https://arxiv.org/abs/2107.00630
"Progressive Distillation for Fast Sampling of Diffusion Models", T. Salimans, J. Ho, 2022,
https://arxiv.org/abs/2202.00512 (appendix D: v)
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.models.conditions import given_by
from genlab.models.denoising import nullable_context
from genlab.models.diffusion.bound import DiffusionBound, density_term, level_term, prior_term
from genlab.models.diffusion.by_space import Size, network_given
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.diffusion.schedules import schedule as schedule_of
from genlab.models.paths import spread_over
from genlab.models.scaled import Scaled
from genlab.samplers import SamplerName
from genlab.signatures.ranges import NonNegative, Positive, Unit, Width


class Diffusion(SamplesAlongPath, Scaled, DiffusionBound):
    """Variational diffusion.

    Args:
        spec: the data's type; decides the network, where the schedule begins, and the reconstruction term.
        schedule: of the noise: "linear" (in log-SNR), "cosine", or "learned" (its ends by the bound, its pace by the
            bound's variance).
        prediction: what the network says: "epsilon" (the noise), "x" (the data) or "v" (a mix of both that is well
            scaled at every level).
        width: of the network's hidden layers (in a U-Net at full size, twice as many below); null: what suits the data.
        blocks: of the network (in a U-Net at each size); null: what suits the data.
        attention: of a U-Net, at sizes of at most this many places; null: what suits the data.
        dropout: of hidden channels.
        condition: what the network is given: "label", "vector", "caption", "past" (the frames before), or None.
        null_dropout: how often training hides the condition, so that ``guidance=`` can weigh it; 0: never.
        steps: of a draw.
        sampler: of a draw.

    Raises:
        ConfigError: data that is of another kind or lacks the condition.
    """

    needs = ("one set", "image | vector | waveform | video")
    needs_with = {
        "condition=label": ("labels",),
        "condition=vector": ("vector condition",),
        "condition=caption": ("tokens condition",),
        "condition=past": ("video condition",),
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        schedule: Literal["cosine", "linear", "learned"] = "linear",
        prediction: Literal["epsilon", "x", "v"] = "v",
        width: Width | None = None,
        blocks: Positive | None = None,
        attention: NonNegative | None = None,
        dropout: Unit = 0.0,
        condition: Literal["label", "vector", "caption", "past"] | None = None,
        null_dropout: Unit = 0.1,
        steps: Positive = 50,
        sampler: SamplerName = "dpm_solver",
    ) -> None:
        super().__init__(spec)
        require(Diffusion, spec, condition=condition)
        self.given = given_by(condition, spec)
        self.null_dropout = 0.0 if self.given is None else null_dropout
        self.prediction = prediction
        self.path = schedule_of(schedule, levels=spec.levels)
        with torch.no_grad():
            first, last = self.path.ends(like=torch.ones(())).tolist()
        self.span = first, last
        size = Size(width=width, blocks=blocks, attention=attention, dropout=dropout)
        self.network = network_given(spec.space, self.given, size=size)
        self.steps = steps
        self.sampler: SamplerName = sampler

    def from_data(self, x: Tensor) -> Tensor:
        """Levels between -1 and 1, reals standardised."""
        return self.to_network(x)

    def expected(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        """``D(x, t)``, in float32 or better."""
        first, last = self.span  # where the schedule begins and ends before it has learned
        level = (first - self.path.log_snr(t)) / (first - last)
        said = self.network(x, level, nullable_context(self.given, c, like=x, hidden=hidden)).to(x.dtype)
        if self.prediction == "x":
            return said
        alpha, sigma = spread_over(self.path.alpha(t), x), spread_over(self.path.sigma(t), x)
        return (x - sigma * said) / alpha if self.prediction == "epsilon" else alpha * x - sigma * said

    @property
    def log_volume(self) -> Tensor:
        """``log |dx/du|`` of real data, ``()``."""
        return self.spread.log().sum()

    def ends(self, x: Tensor) -> dict[str, Tensor]:
        """What the path leaves of the data, and what its first noise makes of them; of reals on the data's scale."""
        u = self.from_data(x)
        first, last = self.path.ends(like=u)
        if self.spec.levels is None:
            told = density_term(u, first) - self.log_volume
        else:
            told = level_term(x, first, levels=self.spec.levels)
        return {"prior": prior_term(u, last), "reconstruction": told}
