"""Densities on reals as models of integers, by uniform dequantisation.

With ``u`` uniform on ``[0, 1)^D``, a density p on reals gives the integers ``x`` the probabilities

    P(x) = int_{[0, 1)^D} p(x + u) du = E_u[p(x + u)],

which sum to at most 1. By Jensen's inequality, for any number K of draws,

    log P(x) >= E[log 1/K sum_k p(x + u_k)] >= E[log p(x + u)].

"RNADE: The real-valued neural autoregressive density-estimator", B. Uria, I. Murray, H. Larochelle, 2013,
https://arxiv.org/abs/1306.0186; "A note on the evaluation of generative models", L. Theis, A. van den Oord, M. Bethge,
2016, https://arxiv.org/abs/1511.01844 (section 3.1)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec, Split
from genlab.models.capabilities import ItemisedBound
from genlab.models.classical.base import Fit, Fitted, RealDensity, thinned
from genlab.ops.bars import Progress, no_bar
from genlab.ops.random import Generators, uniform

PARTICLES_AT_ONCE = 10
"""Draws of u that are scored together: memory, not the value, depends on it."""


class DequantisedFit(Fitted, ItemisedBound):
    """A `RealDensity` of ``x + u``, on the pixels' own scale ``[0, levels)``: no Jacobian comes in.

    Args:
        spec: the data's type, integers.
        density: on ``R^D`` with ``D = spec.dim``.
    """

    def __init__(self, spec: DataSpec, density: RealDensity) -> None:
        super().__init__()
        assert spec.levels is not None
        self.spec = spec
        self.levels = spec.levels
        self.density = density

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Fit the density to one dequantised copy of each example."""
        density = self.density
        train, notes = thinned(train, density.max_points, name=density.name, generator=generator)
        real, held_out = (
            split.x.flatten(1) + torch.rand(len(split), self.spec.dim, generator=generator) for split in (train, val)
        )
        return Fit(density.fit_points(real, held_out, generator=generator, progress=progress), notes)

    def _log_densities(self, x: Tensor, k: int, generator: Generators) -> Tensor:
        """``log p(x + u_k)``, ``(B, k)`` nats."""
        flat = x.flatten(1).float()
        u = uniform(len(x), k, self.spec.dim, like=flat, generator=generator)
        return self.density.log_prob((flat[:, None] + u).flatten(0, 1)).view(len(x), k)

    def elbo(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> Tensor:
        """``log p(x + u)`` of one draw of u, ``(B,)`` nats per example."""
        return self._log_densities(x, 1, generator)[:, 0]

    def log_prob_bound(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> Tensor:
        """``log 1/K sum_k p(x + u_k)``, ``(B,)`` nats per example."""
        terms = self.log_prob_bound_terms(x, num_particles, generator=generator)
        return terms["model"] + terms["dequantisation"]

    def log_prob_bound_terms(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> dict[str, Tensor]:
        """The bound's parts, ``(B,)`` nats each.

        Returns:
            ``model``: the mean of ``log p(x + u_k)``; ``dequantisation``: what averaging densities rather than their
            logarithms gains, 0 with one particle.
        """
        parts = [
            self._log_densities(x, min(PARTICLES_AT_ONCE, num_particles - done), generator)
            for done in range(0, num_particles, PARTICLES_AT_ONCE)
        ]
        log_p = torch.cat(parts, 1)
        mean = log_p.mean(1)
        return {"model": mean, "dequantisation": log_p.logsumexp(1) - math.log(num_particles) - mean}

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``floor`` of the density's draws; those outside the levels, which no P(x) counts, are clamped."""
        real = self.density.sample(n, generator=generator)
        return real.floor().clamp_(0, self.levels - 1).to(self.spec.dtype).view(n, *self.spec.event_shape)
