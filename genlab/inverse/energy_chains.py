"""Posteriors of a density that is known up to a factor: what was measured is one more term of the energy.

    E(u | y) = E(u) + |y - A u|^2 / (2 noise^2)

- `energy_hmc`: chains corrected by Metropolis on that sum, for energies of vectors, which are learned at temperature 1:
  asymptotically exact.
- `energy_chain`: for energies of pictures, which are learned by short chains far below temperature 1, so that their
  density is not what is learned, and its posterior neither. The model's own chain runs as it does in sampling; where
  a step leaves what was measured, it is brought back to ``|y - A u| <= noise sqrt(M)`` (Morozov's principle) by

      u <- u + (1 - 1/d) A^+ (y - A u),    d = |y - A u| / (noise sqrt(M)) > 1.

  What is known of the result is this agreement; intervals between samples are not calibrated.

"Implicit Generation and Modeling with Energy-Based Models", Y. Du, I. Mordatch, 2019, https://arxiv.org/abs/1903.08689
"On the solution of functional equations by the method of regularization", V. A. Morozov, 1966 (the principle)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from genlab.inverse.held_chains import kept_exactly
from genlab.inverse.measured import LEAST_NOISE
from genlab.inverse.method import Report
from genlab.inverse.observation import Observation, to_unit
from genlab.models.capabilities import GenerativeModel
from genlab.models.ebm.ebm import EBM
from genlab.models.paths import spread_over
from genlab.ops.eval_mode import evaluating
from genlab.samplers.hamiltonian import Hamiltonian

CHAIN = Hamiltonian(leapfrog=10, burn_in=100, steps=50)
"""What a chain is by default: 1650 gradients."""

SOFT = 1e-3
"""``A^+`` is ``A^T (A A^T + e s_1^2 I)^-1`` with this e, so that what A hardly shows is not blown up."""


def is_tempered(model: EBM) -> bool:
    """Whether the model's chain is at another temperature than 1, so that samples are not of ``exp(-E)``."""
    return not 0.5 < model.langevin.temperature < 2


def density_fits(model: GenerativeModel, observation: Observation) -> bool:
    """An energy of reals, learned at temperature 1."""
    return isinstance(model, EBM) and model.spec.levels is None and not is_tempered(model)


def chain_fits(model: GenerativeModel, observation: Observation) -> bool:
    """Any energy, unless its own chain can be held at what is seen."""
    return isinstance(model, EBM) and not kept_exactly(observation)


def energy_hmc(
    model: EBM,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    chain: Hamiltonian = CHAIN,
    report: Report = None,
) -> Tensor:
    """Ends of corrected chains; see `genlab.inverse.method.PosteriorSampler`.

    A chain starts at a draw of the model, and the weight of y grows to 1 in the first half of the burn-in.

    Args:
        model: an energy of reals.
        observation: of B examples.
        samples: chains of each.
        c: conditions.
        generator: of all random numbers.
        chain: its lengths.
        report: is told acceptance and step size, means of each example's chains.
    """
    seen = observation.at_least(LEAST_NOISE).repeated(samples)
    c = None if c is None else c.repeat_interleave(samples, 0)
    with evaluating(model), parametrize.cached():
        v = model.to_chain(model.sample(len(seen), c, generator=generator))
        weight = torch.ones((), device=v.device, dtype=v.dtype)

        def energy(v: Tensor) -> Tensor:
            squares = seen.residual(model.on_scale(v)).square().sum(1)
            return model.energy_of_chain(v, c) + (0.5 * weight / seen.noise**2) * squares

        rise = max(1, chain.burn_in // 2)

        def before(k: int) -> None:
            if k <= rise:
                weight.fill_(0.01 ** (1 - k / rise))

        found = chain.run(energy, v, generator=generator, before=before if chain.burn_in else None)
    if report is not None:
        report("acceptance", found.acceptance.view(-1, samples).mean(1))
        report("step size", found.step_size.view(-1, samples).mean(1))
    return model.on_scale(found.state).unflatten(0, (-1, samples))


def energy_chain(
    model: EBM,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    steps: int | None = None,
    report: Report = None,
) -> Tensor:
    """Ends of the model's own chains, drawn to y; see `genlab.inverse.method.PosteriorSampler`.

    Args:
        model: an energy.
        observation: of B examples.
        samples: chains of each.
        c: conditions.
        generator: of all random numbers.
        steps: length of a chain; None: the model's own.
        report: is told the disagreement over the noise, a mean of each example's chains.
    """
    seen = observation.at_least(LEAST_NOISE).repeated(samples)
    c = None if c is None else c.repeat_interleave(samples, 0)
    parts = seen.operator.singular()
    s = parts.values.to(seen.y)
    inverse = s / (s.square() + SOFT * s.square().max())

    def disagreement(u: Tensor) -> Tensor:
        return seen.residual(u).square().mean(1).sqrt() / seen.noise

    def project(v: Tensor) -> Tensor:
        u = to_unit(model.on_scale(v), model.spec)
        short = 1 - 1 / disagreement(u).clamp_min(1)
        back = parts.backward(inverse * parts.measured(seen.residual(u)))
        return model.inside(_from_unit(model, u + spread_over(short, u) * back))

    with evaluating(model), parametrize.cached():
        v = model.langevin.run(
            lambda v: model.energy_of_chain(v, c),
            model.start(len(seen), generator=generator),
            steps=model.chain_steps if steps is None else steps,
            generator=generator,
            scale=float(model.step_scale),
            project=project,
            repeated=True,
        )
    u = to_unit(model.on_scale(v), model.spec)
    if report is not None:
        report("disagreement", disagreement(u).view(-1, samples).mean(1))
    return u.unflatten(0, (-1, samples))


def _from_unit(model: EBM, u: Tensor) -> Tensor:
    """The unit scale -> the chain's coordinates."""
    return model.to_chain(u if model.spec.levels is None else u * max(1, model.spec.levels - 1))
