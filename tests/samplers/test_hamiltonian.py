"""Hamiltonian chains on densities that are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab.samplers.hamiltonian import Hamiltonian

MEAN, STD = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(x: Tensor) -> Tensor:
    return 0.5 * ((x - MEAN) / STD).square().sum(1)


def quartic(x: Tensor) -> Tensor:
    return x.square().square().sum(1)


@pytest.mark.parametrize("leapfrog", [1, 8])
def test_chains_have_the_mean_and_the_variance_of_a_gaussian(leapfrog: int) -> None:
    n = 4000
    chain = Hamiltonian(leapfrog=leapfrog, burn_in=150, steps=150 // leapfrog)
    found = chain.run(gaussian, torch.zeros(n, 2), generator=seeded())
    assert ((found.state.mean(0) - MEAN).abs() < 4 * STD / math.sqrt(n)).all()
    assert ((found.state.var(0) / STD.square() - 1).abs() < 4 * math.sqrt(2 / n)).all()
    assert found.acceptance.mean().item() == pytest.approx(chain.aim, abs=0.12)


@pytest.mark.parametrize("leapfrog", [1, 8])
def test_the_decision_makes_large_steps_exact(leapfrog: int) -> None:
    """``E = x^4``: ``E[x^2] = Gamma(3/4) / Gamma(1/4)``, which no chain without the decision has at such steps."""
    n = 8000
    chain = Hamiltonian(leapfrog=leapfrog, burn_in=100, steps=50, target=0.5)
    x = chain.run(quartic, torch.zeros(n, 1), generator=seeded()).state
    squares = x.square()
    assert abs(squares.mean() - math.gamma(0.75) / math.gamma(0.25)) < 4 * squares.std() / math.sqrt(n)


def test_the_step_is_found_in_the_burn_in_and_fixed_from_there_on() -> None:
    short = Hamiltonian(burn_in=40, steps=0).run(gaussian, torch.zeros(5, 2), generator=seeded())
    long = Hamiltonian(burn_in=40, steps=30).run(gaussian, torch.zeros(5, 2), generator=seeded())
    assert torch.equal(short.step_size, long.step_size)
    assert (long.step_size.std() > 0).all()


def test_a_chain_does_not_know_of_its_neighbours() -> None:
    """A row whose energy is no number stays where it is, and changes nothing of the others."""

    def broken(x: Tensor) -> Tensor:
        return torch.where(torch.arange(len(x)) == 1, math.nan, gaussian(x))

    chain = Hamiltonian(burn_in=20, steps=20)
    whole = chain.run(gaussian, torch.ones(3, 2), generator=seeded())
    parted = chain.run(broken, torch.ones(3, 2), generator=seeded())
    assert torch.equal(parted.state[[0, 2]], whole.state[[0, 2]])
    assert torch.equal(parted.state[1], torch.ones(2))
    assert parted.acceptance[1] == 0


def test_what_is_observed_ends_in_the_state() -> None:
    seen: list[tuple[int, Tensor]] = []
    before: list[int] = []
    chain = Hamiltonian(burn_in=3, steps=4)
    found = chain.run(
        gaussian,
        torch.zeros(2, 2),
        generator=seeded(),
        before=before.append,
        observe=lambda k, x: seen.append((k, x)),
    )
    assert [k for k, _ in seen] == [1, 2, 3, 4]
    assert before == list(range(7))
    assert torch.equal(seen[-1][1], found.state)
