"""Laws of the flow: of Gaussian data its density is the exact one, by the exact trace and by an estimate of it."""

from __future__ import annotations

import pytest
import torch

from genlab.data.spaces import DataSpec
from genlab.models import Diffusion
from genlab.models.diffusion import ode_likelihood, probability_flow
from genlab.models.diffusion.probability_flow import even_times, log_density
from genlab.models.paths import Cosine, LinearLogSNR, VariancePreserving
from tests.contracts.catalogue import off_identity
from tests.models.diffusion.test_bound import MEAN, STD, Optimal, data

PATHS = [LinearLogSNR(most=12, least=-15), Cosine(most=12, least=-15)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: type(path).__name__)
def test_the_flow_of_the_optimal_denoiser_has_the_density_of_the_data(path: VariancePreserving) -> None:
    x, exact = data(200)
    torch.testing.assert_close(log_density(Optimal(path), x, steps=60), exact, rtol=0, atol=2e-3)
    wrong = log_density(Optimal(path, off=0.2), x, steps=60)
    assert (wrong - exact).mean() < -0.01


def test_a_path_that_begins_with_much_noise_has_the_density_of_noisy_data() -> None:
    path = LinearLogSNR(most=1, least=-15)
    x, _ = data(50)
    alpha2, sigma2 = torch.sigmoid(torch.tensor([1.0, -1.0], dtype=torch.float64))
    noisy = torch.distributions.Normal(MEAN, (STD**2 + sigma2 / alpha2).sqrt()).log_prob(x).sum(1)
    torch.testing.assert_close(log_density(Optimal(path), x, steps=60), noisy, rtol=0, atol=2e-3)


def test_an_estimated_trace_is_right_on_average(monkeypatch) -> None:
    monkeypatch.setattr(probability_flow, "exact", lambda _: False)
    assert not ode_likelihood.exact(17)
    x, exact = data(300)
    found = log_density(Optimal(PATHS[0]), x, steps=30, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, exact, rtol=0, atol=5e-3)  # of a multiple of the identity every sign tells all


def test_times_are_even_in_the_ratio_and_meet_both_ends() -> None:
    model = Optimal(PATHS[1])
    times = even_times(model, 10, like=torch.ones((), dtype=torch.float64))
    assert times[0] == 0
    assert times[-1] == 1
    steps = model.path.log_snr(times).diff()
    torch.testing.assert_close(steps, torch.full_like(steps, -2.7), rtol=1e-5, atol=1e-5)


def test_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = data(7)
    model = Diffusion(DataSpec((2,), None), schedule="learned", width=8, blocks=1).double().eval()
    off_identity(model)

    def told() -> tuple[torch.Tensor, ...]:
        value = log_density(model, x, steps=2)
        return value, *torch.autograd.grad(value.sum(), list(model.path.parameters()), allow_unused=True)

    whole = told()
    monkeypatch.setattr(ode_likelihood, "NUMBERS_WITH_GRADIENTS", 4)
    torch.testing.assert_close(told(), whole)
