"""Laws of a likelihood by its ODE: closed forms, a density that integrates to 1, both traces, there and back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab.data.dataset import DataSpec
from genlab.data.sources.densities import GaussianMixture
from genlab.models import flow_matching
from genlab.models.diffusion import ode_likelihood
from genlab.models.diffusion.flow_matching import ContinuousFlow, DequantisedFlow, EstimatedFlow
from genlab.models.diffusion.ode_likelihood import divergence, follow, normal_log_prob, signs
from genlab.samplers.ode import HEUN, MIDPOINT
from tests.contracts.catalogue import off_identity

MEAN, STD = torch.tensor([1.0, -0.5], dtype=torch.float64), torch.tensor([0.3, 2.0], dtype=torch.float64)


def gaussian(x: Tensor, t: Tensor) -> Tensor:
    """The straight flow's velocity of data N(MEAN, STD^2): x_t is normal, and each coordinate moves linearly."""
    t = t[:, None]
    variance = ((1 - t) * STD).square() + t.square()
    return -MEAN + (t - (1 - t) * STD.square()) / variance * (x - (1 - t) * MEAN)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def up(steps: int) -> Tensor:
    return torch.linspace(0, 1, steps + 1, dtype=torch.float64)


def test_of_gaussian_data_it_is_the_closed_form() -> None:
    x = MEAN + STD * torch.randn(50, 2, generator=seeded(), dtype=torch.float64)
    end, growth = follow(gaussian, x, up(60))
    expected = normal_log_prob((x - MEAN) / STD) - STD.log().sum()
    assert torch.allclose(normal_log_prob(end) + growth, expected, atol=1e-5)
    assert torch.allclose(end, (x - MEAN) / STD, atol=1e-5)


def test_the_error_falls_by_the_order_of_the_method() -> None:
    x = MEAN + STD * torch.randn(50, 2, generator=seeded(), dtype=torch.float64)
    expected = normal_log_prob((x - MEAN) / STD) - STD.log().sum()
    for tableau in (HEUN, MIDPOINT):
        errors = []
        for steps in (40, 80):
            end, growth = follow(gaussian, x, up(steps), tableau=tableau)
            errors.append((normal_log_prob(end) + growth - expected).abs().mean().item())
        assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.4)


def test_there_and_back_again() -> None:
    x = MEAN + STD * torch.randn(50, 2, generator=seeded(), dtype=torch.float64)
    end, growth = follow(gaussian, x, up(60))
    start, shrinkage = follow(gaussian, end, up(60).flip(0))
    assert torch.allclose(start, x, atol=1e-5)
    assert torch.allclose(growth, -shrinkage, atol=1e-4)


def test_hutchinson_s_trace_is_right_on_average() -> None:
    matrix = torch.randn(20, 20, generator=seeded(), dtype=torch.float64)
    x, t = torch.randn(1, 20, generator=seeded(1), dtype=torch.float64).expand(4000, 20), torch.zeros(4000)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        return (x @ matrix.T).tanh()

    _, exact = divergence(velocity, x[:1], t[:1], probe=None)
    _, guessed = divergence(velocity, x, t, probe=signs(x, generator=seeded(2)))
    assert exact.item() == pytest.approx(torch.func.jacrev(lambda x: velocity(x, t))(x[0]).trace().item())
    assert abs(guessed.mean() - exact) < 4 * guessed.std() / math.sqrt(4000)
    assert guessed.std() > 0.1


def model(spec: DataSpec, **options: object):
    torch.manual_seed(0)
    return off_identity(flow_matching(spec, width=16, blocks=1, **options)).eval()


def test_the_density_in_the_plane_integrates_to_1() -> None:
    flow = model(DataSpec((2,), None), likelihood_steps=20)
    assert isinstance(flow, ContinuousFlow)
    side, n = 12.0, 150
    centre = (torch.arange(n) + 0.5) / n * side - side / 2
    grid = torch.cartesian_prod(centre, centre)
    with torch.no_grad():
        mass = flow.log_prob(grid).exp().sum() * (side / n) ** 2
    assert mass.item() == pytest.approx(1, abs=2e-3)


def test_coordinates_are_taken_back() -> None:
    """Of data that are shifted and stretched the density is that of the standardised, over the stretch."""
    flow = model(DataSpec((2,), None))
    x = torch.randn(6, 2, generator=seeded())
    before = flow.log_prob(x)
    flow.location.fill_(3.0)
    flow.spread.fill_(2.0)
    assert torch.allclose(flow.log_prob(3 + 2 * x), before - 2 * math.log(2), atol=1e-4)


def test_what_is_not_exact_says_so_and_agrees_on_average() -> None:
    flow = model(DataSpec((20,), None))
    assert isinstance(flow, EstimatedFlow)
    assert "Hutchinson" in flow.method
    x = torch.randn(1, 20, generator=seeded()).expand(600, 20)
    guessed = flow.elbo(x, generator=seeded(1)).double()
    times = up(flow.likelihood_steps).square()
    end, growth = follow(lambda u, t: flow.velocity(u, t), x[:1], times)
    exact = (normal_log_prob(end) + growth).item()
    assert abs(guessed.mean().item() - exact) < 4 * guessed.std().item() / math.sqrt(600)


def test_the_mass_of_all_levels_is_at_most_1() -> None:
    """Of a vector of two numbers of four levels, the bound of each cell: together they have less than all mass."""
    spec = DataSpec((2,), 4)
    flow = model(spec, likelihood_steps=10)
    assert isinstance(flow, DequantisedFlow)
    assert flow.exact_trace
    cells = torch.cartesian_prod(torch.arange(4), torch.arange(4)).to(torch.uint8)
    bound = torch.stack([flow.elbo(cells, generator=seeded(k)) for k in range(30)]).mean(0)
    assert 0.01 < bound.exp().sum().item() <= 1


@torch.no_grad()
def test_fine_levels_have_the_mass_of_their_cells() -> None:
    flow = flow_matching(DataSpec((1,), 256), width=8, blocks=1)  # begins with no velocity: between -1 and 1 is 68.3 %
    assert isinstance(flow, DequantisedFlow)
    levels = torch.arange(256, dtype=torch.uint8)[:, None]
    assert flow.elbo(levels, generator=seeded()).exp().sum().item() == pytest.approx(0.6827, abs=2e-3)


def test_a_level_is_the_cell_that_noise_stays_in() -> None:
    flow = model(DataSpec((1, 4, 4), 17))
    x = torch.randint(17, (50, 1, 4, 4), generator=seeded(), dtype=torch.uint8)
    assert torch.equal(flow.to_data(flow.dequantised(x, generator=seeded(1))), x)
    assert torch.equal(flow.to_data(flow.from_data(x)), x)


def test_gradients_reach_the_weights_where_they_are_asked_for() -> None:
    """So that ``objective=maximum_likelihood`` trains it as FFJORD is trained."""
    flow = model(DataSpec((2,), None), likelihood_steps=2)
    flow.log_prob(torch.randn(4, 2)).sum().backward()
    assert all(p.grad is not None for p in flow.parameters())


def test_the_truth_is_no_worse_than_the_entropy_says() -> None:
    density = GaussianMixture([(0.0, 0.0)], 1.0, entropy=math.log(2 * math.pi * math.e), bounds=(-4, 4, -4, 4))
    x = density.sample(400, generator=seeded())
    flow = flow_matching(DataSpec((2,), None))  # begins with no velocity: noise itself
    nll = -flow.log_prob(x)
    assert torch.allclose(nll, -normal_log_prob(x), atol=1e-5)


def test_parts_have_the_values_and_gradients_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = model(DataSpec((2,), None, num_classes=3), likelihood_steps=3, condition="label").double()
    x = torch.randn(11, 2, generator=seeded(), dtype=torch.float64).requires_grad_()
    y = torch.arange(11) % 3

    def told() -> tuple[Tensor, ...]:
        value = flow.log_prob(x, y)
        return value, *torch.autograd.grad(value.sin().sum(), [x, *flow.parameters()], allow_unused=True)

    whole = told()
    monkeypatch.setattr(ode_likelihood, "NUMBERS_WITH_GRADIENTS", 8)
    monkeypatch.setattr(ode_likelihood, "NUMBERS", 6)
    sizes: list[int] = []
    handle = flow.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    parted = told()
    assert max(sizes) == 4
    for a, b in zip(whole, parted, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.allclose(a, b, rtol=1e-9, atol=1e-12)
    sizes.clear()
    with torch.no_grad():
        assert torch.allclose(flow.log_prob(x, y), whole[0], rtol=1e-9)
    handle.remove()
    assert max(sizes) == 3
