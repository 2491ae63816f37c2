"""Posteriors of energies."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.inverse.energy_chains import chain_fits, density_fits, energy_chain, energy_hmc
from genlab.inverse.observation import Observation, observe
from genlab.inverse.operators import Gaussian, Identity, LinearOperator, Mask
from genlab.models.ebm.ebm import EBM
from genlab.samplers.hamiltonian import Hamiltonian
from tests.inverse.calibration import EVENT, OPERATORS, SAMPLES, Normal, assert_calibrated, calibrated

SQUARE = (1, 8, 8)


class Quadratic(nn.Module):
    """``(v - m)^T P (v - m) / 2 - |v|^2 / 2``, to which the model adds ``|v|^2 / 2``."""

    def __init__(self, mean: Tensor, precision: Tensor) -> None:
        super().__init__()
        self.mean, self.precision = nn.Parameter(mean), nn.Parameter(precision)

    def forward(self, v: Tensor) -> Tensor:
        away = v.flatten(1) - self.mean
        whole = (away @ self.precision * away).sum(1) - v.flatten(1).square().sum(1)
        return 0.5 * whole[:, None]


def normal_energy() -> tuple[EBM, Normal]:
    """A normal density, in coordinates with scales of their own."""
    model = EBM(DataSpec(EVENT, None), network="mlp").eval()
    g = torch.Generator().manual_seed(0)
    root = 0.3 * torch.randn(16, 16, generator=g) + 0.5 * torch.eye(16)
    covariance, mean = root @ root.T + 0.1 * torch.eye(16), 0.3 * torch.randn(16, generator=g)
    model.network = Quadratic(mean, torch.linalg.inv(covariance))
    location, spread = 0.5 * torch.ones(16), torch.linspace(0.2, 0.6, 16)
    model.location.copy_(location.view(EVENT))
    model.spread.copy_(spread.view(EVENT))
    return model, Normal((location + spread * mean).double(), (spread[:, None] * covariance * spread).double())


@pytest.mark.parametrize("operator", ["mask", "gaussian", "box"])
def test_chains_on_an_energy_draw_from_the_posterior(operator: str) -> None:
    model, prior = normal_energy()
    told: dict[str, Tensor] = {}

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        chain = Hamiltonian(leapfrog=8, burn_in=60, steps=40)
        return energy_hmc(
            model, observation, samples=SAMPLES, generator=generator, chain=chain, report=told.__setitem__
        )

    assert_calibrated(calibrated(prior, OPERATORS[operator], draw, seed=2))
    assert told["acceptance"].mean().item() == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize(
    "operator",
    [Mask(SQUARE, torch.arange(64).view(8, 8) < 32), Identity(SQUARE), Gaussian(SQUARE, 20)],
    ids=["mask", "noise", "gaussian"],
)
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_chains_of_pictures_disagree_with_y_by_no_more_than_its_noise(operator: LinearOperator, noise: float) -> None:
    torch.manual_seed(0)
    model = EBM(DataSpec(SQUARE, 17), channels=4, hidden=[8], chain_steps=300).eval()
    u = torch.rand(4, *SQUARE, generator=torch.Generator().manual_seed(1))
    observation = observe(operator, u, noise, generator=torch.Generator().manual_seed(2))
    told: dict[str, Tensor] = {}
    draws = [
        energy_chain(model, observation, samples=3, generator=torch.Generator().manual_seed(3), report=told.__setitem__)
        for _ in range(2)
    ]
    assert torch.equal(*draws)
    assert draws[0].shape == (4, 3, *SQUARE)
    assert ((draws[0] >= 0) & (draws[0] <= 1)).all()
    assert ((told["disagreement"] > 0.1) & (told["disagreement"] < 1.1)).all()


def test_an_energy_that_is_no_density_gets_the_models_own_chain() -> None:
    pictures = EBM(DataSpec(SQUARE, 17), channels=4, hidden=[8])
    vectors = EBM(DataSpec((2,), None))
    observation = Observation(Identity((2,)), torch.zeros(1, 2), 0.1)
    assert density_fits(vectors, observation)
    assert not density_fits(pictures, observation)
    assert chain_fits(pictures, observation)
    assert not density_fits(EBM(DataSpec((2,), None), noise=0.001), observation)


@pytest.mark.parametrize("sampler", [energy_hmc, energy_chain])
def test_a_condition_goes_with_each_example(sampler) -> None:
    torch.manual_seed(0)
    model = EBM(DataSpec((2,), None, 2), condition="label", chain_steps=20).eval()
    observation = Observation(Mask((2,), torch.tensor([True, False])), torch.zeros(2, 1), 0.1)

    def draw(c: list[int]) -> Tensor:
        return sampler(model, observation, samples=2, c=torch.tensor(c), generator=torch.Generator().manual_seed(0))

    assert torch.equal(draw([0, 1]), draw([0, 1]))
    assert not torch.equal(draw([0, 1])[0], draw([1, 1])[0])
    assert torch.equal(draw([0, 1])[1], draw([1, 1])[1])
