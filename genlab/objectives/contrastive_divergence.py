"""Contrastive divergence: the energy of data falls, that of the model's own samples rises.

The gradient of the log-likelihood of ``p(x) = exp(-E(x)) / Z`` needs samples of the model,

    grad log p = -E_data[grad E(x)] + E_p[grad E(x)],

here the ends of short Langevin chains. Chains go on where they stopped at an earlier step (persistent contrastive
divergence); a replay buffer holds many more of them than a batch, and some start again from noise. With a condition,
``p(x | c)``, a chain has one of its own for as long as it goes on, and one that starts again takes that of an example.

"Training Products of Experts by Minimizing Contrastive Divergence", G. E. Hinton, 2002,
https://doi.org/10.1162/089976602760128018
"Training Restricted Boltzmann Machines using Approximations to the Likelihood Gradient", T. Tieleman, 2008,
https://doi.org/10.1145/1390156.1390290
"Implicit Generation and Modeling with Energy-Based Models", Y. Du, I. Mordatch, 2019, https://arxiv.org/abs/1903.08689
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.data.spaces import Label
from genlab.errors import ConfigError
from genlab.models.ebm.ebm import EBM
from genlab.objectives.base import Loss, Recoverable, Step, condition
from genlab.ops.collectives import gathered, world
from genlab.signatures.ranges import NonNegativeFloat, Positive, PositiveFloat, Probability


class Regime(NamedTuple):
    """What "auto" stands for in `ContrastiveDivergence`."""

    steps: int
    replay_size: int
    reinit: float
    data_noise: float
    energy_penalty: float


PICTURES = Regime(steps=40, replay_size=4096, reinit=0.05, data_noise=0.03, energy_penalty=0.1)
"""Chains far below temperature 1 never mix: variety comes from many of them and from starting again."""

VECTORS = Regime(steps=20, replay_size=512, reinit=0.01, data_noise=0.0, energy_penalty=0.0)
"""Few chains that live long: a chain must wander between modes, or nothing ties the modes' masses to each other."""


LEAST_STEP_SCALE = 0.125
"""A chain with still shorter steps would no longer get from noise to a sample in its number of steps."""


class ContrastiveDivergence(Recoverable):
    """``loss = mean E(x) - mean E(x') + alpha mean(E(x)^2 + E(x')^2)``, x data, x' ends of chains.

    The chains of the replay buffer belong to ranks by turns (chain i to rank i mod world size); what each has moved on
    is gathered, so that the buffer is the same on every rank and in the checkpoint, whose resume is exact.

    Args:
        steps: Langevin steps per update; "auto", here and below, is `PICTURES` or `VECTORS`.
        replay_size: number of persistent chains.
        reinit: probability that a chain starts again from noise.
        data_noise: standard deviation of the Gaussian noise on data, in the chain's coordinates, which keeps the energy
            smooth between levels.
        energy_penalty: alpha, which keeps energies near 0.
        max_gap: training has diverged when ``|mean E(x) - mean E(x')|`` is beyond it.

    Raises:
        ConfigError: the model is no energy, or the replay buffer is smaller than a batch.
    """

    needs = (EBM,)

    replay: Tensor
    replay_c: Tensor
    known: Tensor
    regime: Regime

    def __init__(
        self,
        *,
        steps: Positive | Literal["auto"] = "auto",
        replay_size: Positive | Literal["auto"] = "auto",
        reinit: Probability | Literal["auto"] = "auto",
        data_noise: NonNegativeFloat | Literal["auto"] = "auto",
        energy_penalty: NonNegativeFloat | Literal["auto"] = "auto",
        max_gap: PositiveFloat = 100.0,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.replay_size = replay_size
        self.reinit = reinit
        self.data_noise = data_noise
        self.energy_penalty = energy_penalty
        self.max_gap = max_gap

    def prepare(self, model: nn.Module) -> None:
        """Start all chains from noise and decide what is "auto"."""
        super().prepare(model)
        assert isinstance(model, EBM)
        auto = VECTORS if model.spec.levels is None else PICTURES
        self.regime = Regime(
            steps=auto.steps if self.steps == "auto" else self.steps,
            replay_size=auto.replay_size if self.replay_size == "auto" else self.replay_size,
            reinit=auto.reinit if self.reinit == "auto" else self.reinit,
            data_noise=auto.data_noise if self.data_noise == "auto" else self.data_noise,
            energy_penalty=auto.energy_penalty if self.energy_penalty == "auto" else self.energy_penalty,
        )
        self.register_buffer("replay", model.start(self.regime.replay_size))
        if model.given is not None:
            n = self.regime.replay_size
            where, kind = self.replay.device, torch.int64 if isinstance(model.given, Label) else self.replay.dtype
            self.register_buffer("replay_c", torch.zeros(n, *model.given.shape, dtype=kind, device=where))
            self.register_buffer("known", torch.zeros(n, dtype=torch.bool, device=where))  # whose condition is set

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss with its terms ``energy_data`` and ``energy_samples``."""
        assert isinstance(model, EBM)
        if not model.is_anchored:
            model.anchor(gathered(batch.x))
        data = model.to_chain(batch.x)
        if self.regime.data_noise > 0:
            data = model.inside(data + self.regime.data_noise * torch.randn_like(data))
        c = condition(model, batch)
        samples, own = self.negatives(model, len(data), c)
        both = None if c is None or own is None else torch.cat([c, own])
        energies = model.energy_of_chain(torch.cat([data, samples]), both)
        of_data, of_samples = (part.mean() for part in energies.split(len(data)))
        value = of_data - of_samples
        if self.regime.energy_penalty > 0:
            value = value + self.regime.energy_penalty * 2 * energies.square().mean()
        return Loss(value, {"energy_data": of_data.detach(), "energy_samples": of_samples.detach()})

    @torch.no_grad()
    def negatives(self, model: EBM, n: int, c: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """``n`` chains of this rank, some of them anew from noise, after ``steps`` steps; they replace the old ones.

        Args:
            model: the energy.
            n: how many.
            c: the conditions of n examples, which chains that start anew take over.

        Returns:
            The chains, and the condition of each.
        """
        rank, ranks = world()
        own = len(range(rank, len(self.replay), ranks))
        if own < n:
            raise ConfigError(
                f"objective.replay_size={len(self.replay)} is smaller than the {n} x {ranks} chains of a step; "
                f"give at least {n * ranks}"
            )
        slots = torch.randperm(own, device=self.replay.device)[:n] * ranks + rank
        fresh = torch.rand(n, device=self.replay.device) < self.regime.reinit
        own_c = None
        if c is not None:
            fresh = fresh | ~self.known[slots]
            own_c = torch.where(_rows(fresh, c), c, self.replay_c[slots])
        begin = torch.where(_rows(fresh, self.replay), model.start(n), self.replay[slots])
        end = model.evolve(begin, own_c, steps=self.regime.steps)
        everywhere = gathered(slots)
        self.replay[everywhere] = gathered(end)
        if own_c is not None:
            self.replay_c[everywhere] = gathered(own_c)
            self.known[everywhere] = True
        return end, own_c

    def diverged(self, loss: Loss) -> bool:
        """Whether the loss is not finite, or data and samples are further apart in energy than ``max_gap``."""
        gap = loss.terms["energy_data"] - loss.terms["energy_samples"]
        return not (math.isfinite(loss.value.item()) and abs(gap.item()) <= self.max_gap)

    def retreat(self, model: nn.Module, *, rollbacks: int) -> str:
        """Halve the chain's step for every rollback so far, down to `LEAST_STEP_SCALE`."""
        assert isinstance(model, EBM)
        scale = max(LEAST_STEP_SCALE, 0.5**rollbacks)
        model.scale_steps(scale)
        return f"other random numbers and {scale:g} of the chain's step"


def _rows(chosen: Tensor, x: Tensor) -> Tensor:
    """``chosen: (n,)``, broadcast to rows like those of ``x``."""
    return chosen.view(-1, *(1,) * (x.dim() - 1))
