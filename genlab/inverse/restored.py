"""Posteriors of a denoising autoencoder: its chain, with every draw of what is behind the noise told of y.

    x~ ~ C(x~ | u),     u ~ P(u | x~, y) ~ P(u | x~) N(y; A u, noise^2 I)

These are the two conditionals of ``p(u, x~ | y)`` if ``P(u | x~)`` is that of the data, so that the chain's draws tend
to ``p(u | y)``. The model tells each value by itself given x~, and is taken for a normal distribution here
(`genlab.inverse.measured`): exact of data that are independent and normal, else as far as that and learning go.

"Generalized Denoising Auto-Encoders as Generative Models", Y. Bengio, L. Yao, G. Alain, P. Vincent, 2013,
https://arxiv.org/abs/1305.6663
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.inverse.decoded import moments
from genlab.inverse.held_chains import kept_exactly
from genlab.inverse.measured import LEAST_NOISE, Measured, Spread
from genlab.inverse.observation import Observation, to_unit, typed
from genlab.models.capabilities import GenerativeModel
from genlab.models.diffusion.dae import DAE
from genlab.ops.eval_mode import evaluating
from genlab.ops.random import normal


def fits(model: GenerativeModel, observation: Observation) -> bool:
    """A denoising autoencoder, unless its own chain can be held at what is seen."""
    return isinstance(model, DAE) and not kept_exactly(observation)


def gibbs(
    model: DAE,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    steps: int | None = None,
) -> Tensor:
    """Ends of chains from noise; see `genlab.inverse.method.PosteriorSampler`. On a GPU step by step, not recorded.

    Args:
        model: a denoising autoencoder.
        observation: of B examples.
        samples: chains of each.
        c: conditions.
        generator: of all random numbers.
        steps: length of a chain; None: the model's own.
    """
    seen = observation.at_least(LEAST_NOISE).repeated(samples)
    measured = Measured(seen)
    spec = model.spec
    c = None if c is None else c.repeat_interleave(samples, 0)
    with evaluating(model), torch.no_grad():
        start = normal(len(seen), *spec.event_shape, like=model.location, generator=generator)
        u = measured.draw(_behind(model, start, c), generator=generator)
        for _ in range(model.chain_steps if steps is None else steps):
            noisy = model.corrupt(typed(u, spec), generator=generator)
            u = measured.draw(_behind(model, noisy, c), generator=generator)
    return to_unit(typed(u, spec), spec).unflatten(0, (-1, samples))


def _behind(model: DAE, noisy: Tensor, c: Tensor | None) -> Spread:
    """``P(u | x~)`` on the unit scale."""
    found = moments(model.likelihood, model.params(noisy, c))
    if model.spec.levels is not None:
        return found
    assert found.variance is not None
    return Spread(model.location + model.spread * found.mean, model.spread.square() * found.variance)
