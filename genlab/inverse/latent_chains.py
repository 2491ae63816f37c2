"""Posteriors by a model's latents: ``p(z | y) ~ p(z) p(y | z)``, and of ``u = G(z) + e`` what y says of e.

    p(y | z) = N(y; A G(z), S),   S = noise^2 I + A diag(v(z)) A^T

with v the variance of the decoder's own noise e: of a VAE that of its likelihood, and none of a GAN or a flow, whose
latents say all. Of a flow z is what the base distribution is of, so that no determinant is needed.

- `latent_hmc`: chains on z, corrected by Metropolis, one for each sample: asymptotically exact for flows and for
  decoders with normal noise of one variance. Other likelihoods are taken for normal ones of the same mean and variance.
- `latent_map`: the likeliest z, the best of restarts (CSGM). A point and no posterior: its samples are all alike, and
  intervals between them cover nothing.

"Compressed Sensing using Generative Models", A. Bora, A. Jalal, E. Price, A. Dimakis, 2017,
https://arxiv.org/abs/1703.03208
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.distributions.likelihoods import Gaussian
from genlab.inverse.decoded import Latents, latents_of
from genlab.inverse.measured import LEAST_NOISE, Measured, apart
from genlab.inverse.method import Exactness, Report
from genlab.inverse.observation import Observation
from genlab.models.capabilities import DecodesLatents, GenerativeModel
from genlab.models.integer_parts import IntegerParts
from genlab.models.vae.vae import VAE
from genlab.ops.eval_mode import evaluating
from genlab.samplers.hamiltonian import Hamiltonian

CHAIN = Hamiltonian(leapfrog=10, burn_in=100, steps=50)
"""What a chain is by default: 1650 gradients."""

CANDIDATES = 16
"""Draws of the prior for each chain's start, of which one is taken by what y says."""

BETAS = (0.9, 0.95)
"""Of Adam: the steep slopes of the start, remembered as long as in training (0.999), would hold what is flat back."""


def fits(model: GenerativeModel, observation: Observation) -> bool:
    """A model with latents that vary smoothly; those of an integer flow are whole numbers, which no gradient moves."""
    return isinstance(model, DecodesLatents) and not isinstance(model, IntegerParts)


def exactness(model: GenerativeModel, observation: Observation) -> Exactness:
    """Of chains: asymptotically exact where what the decoder leaves open is normal, and its spread in closed form.

    Less noise than `LEAST_NOISE` is taken as that much.
    """
    if observation.noise < LEAST_NOISE:
        return "approximate"
    likelihood = model.net.likelihood if isinstance(model, VAE) else getattr(model, "likelihood", None)
    if likelihood is None:
        return "asymptotically exact"
    normal = isinstance(likelihood, Gaussian)
    even = normal and likelihood.raw_log_std is not None
    return "asymptotically exact" if even or (normal and apart(observation.operator)) else "approximate"


def latent_hmc(
    model: DecodesLatents,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    chain: Hamiltonian = CHAIN,
    report: Report = None,
) -> Tensor:
    """Ends of chains on latents, see `genlab.inverse.method.PosteriorSampler`.

    A chain starts at one of `CANDIDATES` draws of the prior, taken with the probability that y gives it. In the first
    half of the burn-in the weight of y grows from 1/100 to 1, so that chains find more than the mode next to them.

    Args:
        model: with latents.
        observation: of B examples.
        samples: chains of each.
        c: conditions.
        generator: of all random numbers.
        chain: its lengths; ``leapfrog=1`` is MALA.
        report: is told acceptance and step size, means of each example's chains.
    """
    seen = observation.at_least(LEAST_NOISE).repeated(samples)
    measured = Measured(seen)
    with evaluating(model):
        latents = latents_of(model, len(seen), _repeated(c, samples))
        z = _start(latents, measured, generator)
        weight = torch.ones((), device=z.device, dtype=z.dtype)

        def energy(z: Tensor) -> Tensor:
            return latents.energy(z) - weight * measured.log_prob(latents.decode(z))

        rise = max(1, chain.burn_in // 2)

        def before(k: int) -> None:
            if k <= rise:
                weight.fill_(0.01 ** (1 - k / rise))

        chains = chain.run(energy, z, generator=generator, before=before if chain.burn_in else None)
        if report is not None:
            report("acceptance", chains.acceptance.view(-1, samples).mean(1))
            report("step size", chains.step_size.view(-1, samples).mean(1))
        u = measured.draw(latents.decode(chains.state), generator=generator)
    return u.unflatten(0, (len(observation), samples))


def latent_map(
    model: DecodesLatents,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    restarts: int = 8,
    steps: int = 500,
    step_size: float = 0.1,
) -> Tensor:
    """``E[u | z, y]`` at the likeliest z, ``samples`` times; see `genlab.inverse.method.PosteriorSampler`.

    Adam from ``restarts`` draws of the prior, with steps that shrink to 0 by half a cosine.

    Args:
        model: with latents.
        observation: of B examples.
        samples: copies of the answer.
        c: conditions.
        generator: of the starts.
        restarts: of each example; the one of the highest density is kept.
        steps: of each.
        step_size: the first.
    """
    seen = observation.at_least(LEAST_NOISE).repeated(restarts)
    measured = Measured(seen)
    with evaluating(model):
        latents = latents_of(model, len(seen), _repeated(c, restarts))
        z, energy = _descend(latents, measured, latents.start(generator), steps=steps, step_size=step_size)
        best = energy.view(-1, restarts).argmin(1) + restarts * torch.arange(len(observation), device=z.device)
        u = measured.mean(latents.decode(z))[best].detach()
    return u[:, None].expand(-1, samples, *u.shape[1:]).contiguous()


def _descend(latents: Latents, measured: Measured, z: Tensor, *, steps: int, step_size: float) -> tuple[Tensor, Tensor]:
    """Where Adam leads, and the energy there."""

    def energy(z: Tensor) -> Tensor:
        return latents.energy(z) - measured.log_prob(latents.decode(z))

    with torch.enable_grad():
        z = z.detach().clone().requires_grad_()
        adam = torch.optim.Adam([z], lr=step_size, betas=BETAS)
        for k in range(steps):
            adam.param_groups[0]["lr"] = step_size * 0.5 * (1 + math.cos(math.pi * k / steps))
            (z.grad,) = torch.autograd.grad(energy(z).sum(), z)
            adam.step()
    z = z.detach()
    return z, energy(z)


def _start(latents: Latents, measured: Measured, generator: torch.Generator | None) -> Tensor:
    """One of `CANDIDATES` draws of the prior, by the probability of y: a draw of the posterior if there were many."""
    best, highest = None, None
    for _ in range(CANDIDATES):
        z = latents.start(generator)
        log_weight = measured.log_prob(latents.decode(z))
        u = torch.rand(len(z), generator=generator, device=z.device if generator is None else generator.device)
        gumbel = -(-u.to(log_weight).clamp_min(1e-30).log()).log()
        score = log_weight + gumbel  # the greatest is a draw with these probabilities
        if best is None or highest is None:
            best, highest = z, score
        else:
            better = score > highest
            best, highest = torch.where(better[:, None], z, best), torch.where(better, score, highest)
    assert best is not None
    return best


def _repeated(c: Tensor | None, times: int) -> Tensor | None:
    return None if c is None else c.repeat_interleave(times, 0)
