"""Hierarchical variational autoencoders whose prior and posterior go down the same levels.

    p(x, z) = p(x | z) p(z_L) prod_{i<L} p(z_i | z_>i),     q(z | x) = q(z_L | x) prod_{i<L} q(z_i | z_>i, x),

normals all. What is above a level reaches it by a deterministic state ``h``; a first pass up through the example gives
the posterior of each level its part. A subclass says what the networks are, here is what follows.

"Ladder Variational Autoencoders", C. K. Sonderby, T. Raiko, L. Maaloe, S. K. Sonderby, O. Winther, 2016,
https://arxiv.org/abs/1602.02282
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.distributions.likelihoods import Likelihood
from genlab.models.conditions import context
from genlab.models.latent_coding import Descent, GaussianLatents, LevelNormals
from genlab.models.levels import LatentLevels, LevelTerms
from genlab.models.vae.vae import PARTICLES_AT_ONCE, DiagonalNormal, as_real, full, gaussian_kl
from genlab.ops.random import Generators, normal


class Level(NamedTuple):
    """One level on the way down: its prior, its posterior, the latent that was drawn and its noise."""

    p: DiagonalNormal
    q: DiagonalNormal
    z: Tensor
    eps: Tensor


class TopDown(LatentLevels, GaussianLatents):
    """Base; levels are counted from 0, the lowest, in the methods that a subclass writes.

    Attributes:
        likelihood: of x given the parameters that `params` has.
        shapes: of the latent of each level, the lowest first.
    """

    likelihood: Likelihood
    shapes: tuple[tuple[int, ...], ...]

    @abstractmethod
    def bottom_up(self, x: Tensor, context: Tensor | None) -> list[Tensor]:
        """What the example says to the posterior of each level, the lowest first; ``x`` is real."""

    @abstractmethod
    def top(self, n: int, context: Tensor | None) -> Tensor | None:
        """The state above the highest level, ``(n, ...)``, or None."""

    @abstractmethod
    def prior(self, level: int, h: Tensor | None, n: int) -> tuple[DiagonalNormal, Tensor | None]:
        """``p(z_i | z_>i)``, ``(n, *shape)`` each, and the state with what the prior adds to it."""

    @abstractmethod
    def posterior(self, level: int, said: Tensor, h: Tensor | None, p: DiagonalNormal) -> DiagonalNormal:
        """``q(z_i | z_>i, x)``, of what the example ``said`` and the prior ``p``."""

    @abstractmethod
    def down(self, level: int, h: Tensor | None, z: Tensor) -> Tensor:
        """The state below a level."""

    @abstractmethod
    def params(self, h: Tensor) -> Tensor:
        """Parameters ``(n, P, *event)`` of ``p(x | z)``, of the state below the lowest level."""

    @property
    def level_dims(self) -> tuple[int, ...]:
        """Latent dimensions of each level, the lowest first."""
        return tuple(math.prod(shape) for shape in self.shapes)

    def _posterior_levels(
        self, said: list[Tensor], given: Tensor | None, k: int, generator: Generators, *, noise: bool = True
    ) -> tuple[list[Level], Tensor]:
        """The levels, the lowest first, of k particles of each example, ``(B k, ...)``, and the state below them."""
        batch = len(said[0])
        repeated = None if given is None else given.repeat_interleave(k, 0)
        h, levels = self.top(batch * k, repeated), []
        for level in reversed(range(len(self.shapes))):
            p, h = self.prior(level, h, batch * k)
            q = self.posterior(level, said[level] if k == 1 else said[level].repeat_interleave(k, 0), h, p)
            if noise:
                shape = self.shapes[level] if k == 1 else (k, *self.shapes[level])
                eps = normal(batch, *shape, like=q.mean, generator=generator).view(q.mean.shape)
                z = q.mean + torch.exp(0.5 * q.log_var) * eps
            else:
                z, eps = q.mean, torch.zeros_like(q.mean)
            levels.append(Level(p, q, z, eps))
            h = self.down(level, h, z)
        assert h is not None
        return levels[::-1], h

    def level_terms(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> LevelTerms:
        """The parts of the one-sample ELBO, the KLs in closed form."""
        x, given = as_real(x), context(self.given, c)
        levels, h = self._posterior_levels(self.bottom_up(x, given), given, 1, generator)
        kl = [gaussian_kl(_flat(level.q), _flat(level.p)) for level in levels]
        return LevelTerms(self.likelihood.log_prob(x, self.params(h)), torch.stack(kl, 1))

    def _weights(self, x: Tensor, said: list[Tensor], given: Tensor | None, k: int, generator: Generators) -> Tensor:
        """``log p(x | z)`` and each level's ``log p - log q`` of k particles, ``(B, k, 1 + L)`` nats."""
        levels, h = self._posterior_levels(said, given, k, generator)
        params = self.params(h).unflatten(0, (len(x), k))
        parts = [self.likelihood.log_prob(x[:, None], params)]
        for p, q, z, eps in levels:
            # the constants -d/2 log 2 pi of p and q cancel
            standard = (z - p.mean) * torch.exp(-0.5 * p.log_var)
            each = 0.5 * (eps.square() + q.log_var - standard.square() - p.log_var)
            parts.append(each.flatten(1).sum(1).view(len(x), k))
        return torch.stack(parts, 2)

    def log_prob_bound_terms(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> dict[str, Tensor]:
        """The importance-weighted bound in its parts: reconstruction, each level's KL, and what the weights differ by.

        With ``w_k`` the weights and ``v_k = w_k / sum_j w_j``, for any split of ``log w_k`` into parts,

            log 1/K sum_k w_k = sum_k v_k log w_k - KL(v || uniform),

        so the parts are averages over the particles as the posterior weighs them; of one particle they are the ELBO's.
        """
        x, given = as_real(x), context(self.given, c)
        said, chunks = self.bottom_up(x, given), []
        for done in range(0, num_particles, PARTICLES_AT_ONCE):
            k = min(PARTICLES_AT_ONCE, num_particles - done)
            chunks.append(self._weights(x, said, given, k, generator))
        parts = torch.cat(chunks, 1)
        log_w = parts.sum(2)
        total = log_w.logsumexp(1, keepdim=True)
        v = (log_w - total).exp()
        means = (v[..., None] * parts).sum(1)
        names = ["reconstruction", *(f"kl_{level}" for level in range(1, len(self.shapes) + 1))]
        found = dict(zip(names, means.unbind(1), strict=True))
        if num_particles > 1:
            found["weights"] = total[:, 0] - math.log(num_particles) - means.sum(1)
        return found

    def log_prob_bound(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> Tensor:
        """Importance-weighted bound with K particles, ``(B,)`` nats per example, K in chunks."""
        x, given = as_real(x), context(self.given, c)
        said, total = self.bottom_up(x, given), None
        for done in range(0, num_particles, PARTICLES_AT_ONCE):
            k = min(PARTICLES_AT_ONCE, num_particles - done)
            chunk = self._weights(x, said, given, k, generator).sum(2).logsumexp(1)
            total = chunk if total is None else torch.logaddexp(total, chunk)
        assert total is not None
        return total - math.log(num_particles)

    def descend(self, n: int, c: Tensor | None = None, *, x: Tensor | None = None) -> Descent:
        """See `GaussianLatents`."""
        given = context(self.given, c)
        given = None if given is None else given.to(next(self.parameters()).dtype)
        said = None if x is None else self.bottom_up(x, given)
        h = self.top(n, given)
        for level in reversed(range(len(self.shapes))):
            p, h = self.prior(level, h, n)
            z = yield LevelNormals(p, None if said is None else self.posterior(level, said[level], h, p))
            h = self.down(level, h, z)
        assert h is not None
        return self.likelihood.of_all_levels(self.params(h))

    def _at_means(self, x: Tensor, c: Tensor | None) -> list[Level]:
        """The levels of examples, each at its posterior's mean."""
        given = context(self.given, c)
        return self._posterior_levels(self.bottom_up(as_real(x), given), given, 1, None, noise=False)[0]

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Posterior means in the units of the priors, each given the means above it, ``(B, latent_dim)``."""
        return self.posterior_moments(x, c)[0]

    def posterior_moments(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and variance of each unit in the units of its prior, given the means of the levels above it."""
        means, variances = [], []
        for p, q, _, _ in self._at_means(x, c):
            means.append(((q.mean - p.mean) * torch.exp(-0.5 * p.log_var)).flatten(1))
            variances.append((q.log_var - p.log_var).exp().flatten(1))
        return torch.cat(means, 1), torch.cat(variances, 1)

    def params_at(self, noise: Tensor, given: Tensor | None) -> Tensor:
        """Parameters of ``p(x | z)`` of latents in the units of their priors."""
        parts = noise.split(self.level_dims, 1)
        h = self.top(len(noise), given)
        for level in reversed(range(len(self.shapes))):
            p, h = self.prior(level, h, len(noise))
            z = p.mean + torch.exp(0.5 * p.log_var) * parts[level].view(-1, *self.shapes[level])
            h = self.down(level, h, z)
        assert h is not None
        return self.params(h)

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Expected example ``(B, *event_shape)`` on the data's own scale."""
        return self.likelihood.mean(self.params_at(z, context(self.given, c)))

    def sample_latents(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``(n, latent_dim)`` standard normal numbers: latents in the units of their priors."""
        context(self.given, c)  # which a conditional model does not do without
        return normal(n, self.latent_dim, like=next(self.parameters()), generator=generator)

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """Ancestral samples, from the highest level down to x."""
        z = self.sample_latents(n, c, generator=generator)
        return self.likelihood.sample(self.params_at(z, context(self.given, c)), generator=generator)


def normal_of(raw: Tensor) -> DiagonalNormal:
    """The normal whose mean and log variance are the halves of ``raw (B, 2 D, ...)``."""
    mean, log_var = full(raw).chunk(2, 1)
    return DiagonalNormal(mean, log_var)


def standard(n: int, shape: tuple[int, ...], *, like: Tensor) -> DiagonalNormal:
    """``N(0, I)``, of ``(n, *shape)``."""
    zeros = torch.zeros(n, *shape, device=like.device, dtype=torch.promote_types(like.dtype, torch.float32))
    return DiagonalNormal(zeros, zeros)


def bounded(p: DiagonalNormal, *, bound: float = 8.0) -> DiagonalNormal:
    """With a log variance within ``[-bound, bound]``: a prior must not become a point, to which any KL is infinite."""
    return DiagonalNormal(p.mean, bound * torch.tanh(p.log_var / bound))


def merged(said: DiagonalNormal, p: DiagonalNormal) -> DiagonalNormal:
    """The product of two normals, each weighed by its precision (Sonderby et al., 2016, equations 17 to 19).

    mu = (mu_s / s_s^2 + mu_p / s_p^2) / (1 / s_s^2 + 1 / s_p^2),    1 / s^2 = 1 / s_s^2 + 1 / s_p^2
    """
    lead = p.log_var - said.log_var
    mean = p.mean + torch.sigmoid(lead) * (said.mean - p.mean)
    return DiagonalNormal(mean, p.log_var + torch.nn.functional.logsigmoid(-lead))


def _flat(d: DiagonalNormal) -> DiagonalNormal:
    return DiagonalNormal(d.mean.flatten(1), d.log_var.flatten(1))
