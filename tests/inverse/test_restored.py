"""Chains of a denoising autoencoder that are told what was measured."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Mask
from genlab.inverse.restored import gibbs
from genlab.models.diffusion.dae import DAE
from tests.inverse.calibration import EVENT, NOISE, OPERATORS, SAMPLES, Normal, assert_calibrated, calibrated

SQUARE = (1, 8, 8)


def known() -> tuple[DAE, Normal]:
    """Of independent normals with one variance: ``D(x~) = x~ + (m - x~) s^2 / (s^2 + v)``."""
    model = DAE(DataSpec(EVENT, None), noise=0.5, hidden=[]).eval()
    variance, mean = 0.4, torch.linspace(-0.5, 0.5, 16)
    share = model.noise**2 / (model.noise**2 + variance)
    (layer,) = [m for m in model.network.modules() if isinstance(m, nn.Linear)]
    std = torch.tensor(variance * share).sqrt()
    with torch.no_grad():
        layer.weight.copy_(-share * torch.eye(16))
        layer.bias.copy_(share * mean)
        low, high = model.likelihood.log_std_bounds
        model.likelihood.raw_log_std.fill_(torch.logit((std.log() - low) / (high - low)))
    model.location.fill_(0.5)
    model.spread.fill_(0.6)
    return model, Normal((0.5 + 0.6 * mean).double(), 0.36 * variance * torch.eye(16, dtype=torch.float64))


@pytest.mark.parametrize("operator", ["mask", "gaussian", "box"])
def test_the_chain_draws_from_the_posterior_of_independent_normals(operator: str) -> None:
    model, prior = known()

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return gibbs(model, observation, samples=SAMPLES, generator=generator, steps=40)

    assert_calibrated(calibrated(prior, OPERATORS[operator], draw))


@pytest.mark.parametrize("levels", [2, 17])
def test_levels_stay_levels_and_a_condition_goes_with_each_example(levels: int) -> None:
    torch.manual_seed(0)
    model = DAE(DataSpec(SQUARE, levels, 2), hidden=[16], condition="label", chain_steps=5).eval()
    for parameter in model.network.parameters():
        parameter.data.mul_(5)
    observation = Observation(Mask(SQUARE, torch.arange(64).view(8, 8) < 32), torch.rand(2, 32), NOISE)

    def draw(c: list[int]) -> Tensor:
        return gibbs(model, observation, samples=3, c=torch.tensor(c), generator=torch.Generator().manual_seed(0))

    found = draw([0, 1])
    assert found.shape == (2, 3, *SQUARE)
    assert torch.allclose((found * (levels - 1)).round() / (levels - 1), found)
    assert torch.equal(found, draw([0, 1]))
    assert not torch.equal(found[0], draw([1, 1])[0])
    assert torch.equal(found[1], draw([1, 1])[1])
