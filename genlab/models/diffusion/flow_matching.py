"""Flow matching: a velocity that carries noise to data along straight lines, learned by regression.

With ``x_t = (1 - t) x_0 + t eps`` (the data at ``t = 0``, noise at ``t = 1``) the network learns

    v(x, t) = E[eps - x_0 | x_t = x]

whose ODE ``dx/dt = v(x, t)`` has at every t the density of ``x_t``. Data are drawn by following it from noise back, and
``log p(x)`` is what the ODE makes of it (`genlab.models.diffusion.ode_likelihood`). Of integers the network learns
``x + u``, ``u ~ U[0, 1)^D``, and what the ODE says of that density bounds their likelihood:

    log P(x) >= E_u[log p(x + u)].

"Flow Matching for Generative Modeling", Y. Lipman, R. T. Q. Chen, H. Ben-Hamu, M. Nickel, M. Le, 2023,
https://arxiv.org/abs/2210.02747
"Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow", X. Liu, C. Gong, Q. Liu, 2023,
https://arxiv.org/abs/2209.03003
"Classifier-Free Diffusion Guidance", J. Ho, T. Salimans, 2022, https://arxiv.org/abs/2207.12598
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Space, of_levels
from genlab.models.capabilities import ExactLikelihood
from genlab.models.conditions import check_condition, given_by
from genlab.models.denoising import nullable_context
from genlab.models.diffusion.by_space import Size, network_given
from genlab.models.diffusion.noise_networks import NoiseNetwork
from genlab.models.diffusion.ode_likelihood import exact, follow, in_parts, normal_log_prob, signs
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.numerical import AveragedBound, LikelihoodEstimate, Numerical
from genlab.models.paths import Straight, spread_over
from genlab.models.scaled import Scaled
from genlab.ops.random import Generators, uniform
from genlab.samplers import SamplerName
from genlab.samplers.ode import RK4
from genlab.signatures.ranges import NonNegative, Positive, Unit, Width


class VelocityModel(Scaled, SamplesAlongPath, Numerical):
    """A network for the velocity of a straight path, in the coordinates of `Scaled`.

    Args:
        spec: the data's type.
        network: of the velocity.
        given: what it is given beside x.
        null_dropout: how often training hides that.
        steps, sampler: of a draw.
        likelihood_steps: of the ODE behind a likelihood.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        network: NoiseNetwork,
        given: Space | None,
        null_dropout: float,
        steps: int,
        sampler: SamplerName,
        likelihood_steps: int,
    ) -> None:
        super().__init__(spec)
        self.given = given
        self.null_dropout = null_dropout
        self.path = Straight()
        self.network = network
        self.steps = steps
        self.sampler = sampler
        self.likelihood_steps = likelihood_steps

    def flow(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        """``E[eps - x_0 | x_t = x]``, what the network says; the arguments are those of `expected`."""
        return self.network(x, t, nullable_context(self.given, c, like=x, hidden=hidden)).float()

    def expected(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        """``E[x_0 | x_t = x] = x - t v(x, t)``."""
        return x - spread_over(t, x) * self.flow(x, t, c, hidden=hidden)

    def velocity(self, x: Tensor, t: Tensor, c: Tensor | None = None, *, guidance: float = 1.0) -> Tensor:
        """``dx/dt``, what the network says itself."""
        return self.guided(lambda each: self.flow(x, t, each), c, guidance)

    def dequantised(self, x: Tensor, *, generator: Generators = None) -> Tensor:
        """Typed examples in the model's coordinates, as it learns them: integers with noise within a level."""
        return self.from_data(x)

    def from_data(self, x: Tensor) -> Tensor:
        """Typed examples in the model's coordinates: standardised."""
        return self.to_network(x)

    @property
    def exact_trace(self) -> bool:
        """Whether the likelihood's trace is computed, and not estimated."""
        return exact(self.spec.dim)

    @property
    def method(self) -> str:
        """How its likelihood is computed, in a few words."""
        evaluations = self.likelihood_steps * RK4.evaluations
        trace = "exact trace" if self.exact_trace else "Hutchinson's trace, whose noise is within the standard error"
        return f"ODE by rk4 in {self.likelihood_steps} steps, {evaluations} evaluations; {trace}"

    def log_density(self, u: Tensor, c: Tensor | None, *, generator: Generators = None) -> tuple[Tensor, Tensor]:
        """``log p(u)`` of the model's coordinates by its two terms, of the noise and of the way to it, ``(B,)``."""
        check_condition(self.given, c)
        probe = None if self.exact_trace else signs(u, generator=generator)
        times = torch.linspace(0, 1, self.likelihood_steps + 1, dtype=torch.float64).square()  # edges are near the data

        def terms(u: Tensor, c: Tensor | None) -> tuple[Tensor, ...]:
            end, growth = follow(lambda x, t: self.velocity(x, t, c), u, times, probe=probe)
            return normal_log_prob(end), growth

        with torch.autocast(u.device.type, enabled=False):
            prior, growth = in_parts(terms, u, c, weights=self.parameters()) if self.exact_trace else terms(u, c)
        return prior, growth

    def standardised(self, u: Tensor, c: Tensor | None, *, generator: Generators = None) -> dict[str, Tensor]:
        """The terms of ``log p(x)`` of reals ``u = (x - m) / d``, ``(B,)`` nats each."""
        prior, growth = self.log_density(u, c, generator=generator)
        return {"prior": prior, "growth": growth, "scale": -self.spread.log().sum().expand_as(prior)}


class ContinuousFlow(VelocityModel, ExactLikelihood):
    """Of real vectors of so few dimensions that the trace is exact."""

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B,)`` nats per example: exact but for the steps of the ODE."""
        return torch.stack(list(self.standardised(self.from_data(x), c).values())).sum(0)


class Averaged(VelocityModel, AveragedBound):
    """Draws of a bound, or of an estimate, averaged."""

    @abstractmethod
    def terms(self, x: Tensor, c: Tensor | None, *, generator: Generators = None) -> dict[str, Tensor]:
        """Of one draw, ``(B,)`` nats each."""

    def elbo(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> Tensor:
        """One draw, ``(B,)`` nats per example."""
        return torch.stack(list(self.terms(x, c, generator=generator).values())).sum(0)

    def log_prob_bound(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> Tensor:
        """The average of draws, ``(B,)`` nats per example."""
        return torch.stack(list(self.log_prob_bound_terms(x, num_particles, c, generator=generator).values())).sum(0)

    def log_prob_bound_terms(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> dict[str, Tensor]:
        """``prior``, ``growth`` and what the coordinates' scale adds, ``(B,)`` nats each."""
        draws = [self.terms(x, c, generator=generator) for _ in range(self.draws(num_particles))]
        return {name: torch.stack([draw[name] for draw in draws]).mean(0) for name in draws[0]}


class EstimatedFlow(Averaged, LikelihoodEstimate):
    """Of reals of more dimensions."""

    def terms(self, x: Tensor, c: Tensor | None, *, generator: Generators = None) -> dict[str, Tensor]:
        """``prior``, ``growth`` and ``scale``."""
        return self.standardised(self.from_data(x), c, generator=generator)


class DequantisedFlow(Averaged):
    """Of integers: the coordinates are ``u = 2 (x + noise) / L - 1``."""

    @property
    def levels(self) -> int:
        """L."""
        assert self.spec.levels is not None
        return self.spec.levels

    def from_data(self, x: Tensor) -> Tensor:
        """The middle of each level."""
        return (x.float() + 0.5) * (2 / self.levels) - 1

    def dequantised(self, x: Tensor, *, generator: Generators = None) -> Tensor:
        """A place within each level."""
        x = x.float()
        return (x + uniform(len(x), *x.shape[1:], like=x, generator=generator)) * (2 / self.levels) - 1

    def to_data(self, u: Tensor) -> Tensor:
        """The level that ``u`` lies in; beyond all, the nearest."""
        return ((u + 1) * (self.levels / 2)).floor().clamp(0, self.levels - 1).to(self.spec.dtype)

    def terms(self, x: Tensor, c: Tensor | None, *, generator: Generators = None) -> dict[str, Tensor]:
        """``prior``, ``growth`` and ``levels``: a level is a cube of side 2 / L."""
        u = self.dequantised(x, generator=generator)
        prior, growth = self.log_density(u, c, generator=generator)
        return {"prior": prior, "growth": growth, "levels": torch.full_like(prior, -self.log_cubes)}

    @property
    def log_cubes(self) -> float:
        """``D log(L / 2)``."""
        return self.spec.dim * math.log(self.levels / 2)


needs = ("one set", "image | vector | waveform | video")
needs_with = {
    "condition=label": ("labels",),
    "condition=vector": ("vector condition",),
    "condition=caption": ("tokens condition",),
    "condition=past": ("video condition",),
}
gives = {"three dimensions or fewer": ContinuousFlow, "integers": DequantisedFlow}


def flow_matching(
    spec: DataSpec,
    *,
    width: Width | None = None,
    blocks: Positive | None = None,
    attention: NonNegative | None = None,
    dropout: Unit = 0.0,
    condition: Literal["label", "vector", "caption", "past"] | None = None,
    null_dropout: Unit = 0.1,
    steps: Positive = 10,
    sampler: SamplerName = "heun",
    likelihood_steps: Positive = 10,
) -> ContinuousFlow | EstimatedFlow | DequantisedFlow:
    """Flow matching for the data: exact on reals of up to 16 dimensions, beyond an estimate; on integers a bound.

    Args:
        spec: the data's type; decides the network and what is known of the likelihood.
        width: of the network's hidden layers (in a U-Net at full size); null: what suits the data.
        blocks: of the network (in a U-Net at each size); null: what suits the data.
        attention: of a U-Net, at sizes of at most this many places; null: what suits the data.
        dropout: of the network's hidden channels.
        condition: what the network is given: "label", "vector", "caption", "past" (the frames before), or None.
        null_dropout: how often training hides the condition, so that ``guidance=`` can weigh it; 0: never.
        steps: of a draw.
        sampler: of a draw.
        likelihood_steps: of the ODE behind a likelihood, four evaluations each.

    Raises:
        ConfigError: data that is of another kind or lacks the condition.
    """
    require(flow_matching, spec, condition=condition)
    given = given_by(condition, spec)
    if spec.levels is not None:
        kind: type[ContinuousFlow | EstimatedFlow | DequantisedFlow] = DequantisedFlow
    else:
        kind = ContinuousFlow if exact(spec.dim) else EstimatedFlow
    network = network_given(
        of_levels(spec.space, None),  # whose noise within a level hides what a network for levels looks at
        given,
        size=Size(width=width, blocks=blocks, attention=attention, dropout=dropout),
    )
    return kind(
        spec,
        network=network,
        given=given,
        null_dropout=0.0 if given is None else null_dropout,
        steps=steps,
        sampler=sampler,
        likelihood_steps=likelihood_steps,
    )
