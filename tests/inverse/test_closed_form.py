"""Laws of posteriors in closed form: they are those of brute force, and cover the truth as often as they say."""

import pytest
import torch

from genlab.inverse import closed_form
from genlab.inverse.observation import Observation, observe, to_unit
from genlab.inverse.operators import Downsample, Gaussian, Identity, Mask
from tests.inverse.priors import mixture, pictures, principal, principal_pictures

GRID = torch.linspace(-9, 9, 601, dtype=torch.float64)


def _by_force(model, observation: Observation) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of the posterior in the plane, on a grid."""
    points = torch.cartesian_prod(GRID, GRID)
    log_p = model.log_prob(points.float()).double()
    means, stds = [], []
    for y in observation.y:
        one = Observation(observation.operator, y.expand(len(points), -1), observation.noise)
        weights = (log_p + one.log_prob(points)).softmax(0)
        mean = weights @ points
        means.append(mean)
        stds.append((weights @ (points - mean).square()).sqrt())
    return torch.stack(means), torch.stack(stds)


PLANE = {
    "full mixture": lambda: mixture(2, 3),
    "diagonal mixture": lambda: mixture(2, 3, full=False),
    "ppca": lambda: principal(2, 1, noise=0.4),
}
OPERATORS = {
    "all": Identity((2,)),
    "the first": Mask((2,), torch.tensor([True, False])),
    "a mixed one": Gaussian((2,), 1, seed=1),
    "three": Gaussian((2,), 3),
}


@pytest.mark.parametrize("prior", PLANE)
@pytest.mark.parametrize("operator", OPERATORS)
def test_the_posterior_is_that_of_brute_force(prior: str, operator: str) -> None:
    model, a = PLANE[prior](), OPERATORS[operator]
    generator = torch.Generator().manual_seed(1)
    seen = observe(a, model.sample(4, generator=generator).double(), 0.3, generator=generator)
    mean, std = _by_force(model, seen)
    found = closed_form.moments(model, seen)
    torch.testing.assert_close(found.mean, mean, atol=2e-4, rtol=0)
    torch.testing.assert_close(found.std, std, atol=2e-4, rtol=0)
    n = 20_000
    draws = closed_form.mixture(model, seen, samples=n, generator=generator)
    assert draws.shape == (4, n, 2)
    error = (draws.mean(1) - mean) / (std / n**0.5)
    assert error.abs().max() < 4
    torch.testing.assert_close(draws.std(1), std, atol=0.02, rtol=0.03)


def test_exact_measurements_are_met_exactly() -> None:
    model, a = mixture(4, 2), Mask((4,), torch.tensor([True, False, True, False]))
    seen = observe(a, model.sample(5).double(), 0.0)
    draws = closed_form.mixture(model, seen, samples=6)
    repeated = seen.repeated(6)
    torch.testing.assert_close(a.forward(draws.flatten(0, 1)), repeated.y, atol=1e-6, rtol=0)
    assert draws.std(1)[:, [1, 3]].min() > 1e-3


CALIBRATED = {
    "mixture": (lambda: mixture(4, 3, seed=1), Gaussian((4,), 2, seed=2)),
    "ppca": (lambda: principal(6, 3), Mask((6,), torch.tensor([True, False, True, False, True, False]))),
    "pictures": (pictures, Downsample((1, 4, 4), 2)),
    "pictures by ppca": (principal_pictures, Downsample((1, 4, 4), 2, "bicubic")),
}


@pytest.mark.parametrize("name", CALIBRATED)
def test_intervals_cover_as_often_as_they_say(name: str) -> None:
    make, a = CALIBRATED[name]
    model, generator = make(), torch.Generator().manual_seed(0)
    n, samples = 1500, 39
    truth = to_unit(model.sample(n, generator=generator), model.spec).double()
    seen = observe(a, truth, 0.05, generator=generator)
    draws = closed_form.mixture(model, seen, samples=samples, generator=generator)
    rank = (draws < truth[:, None]).double().sum(1)  # 0 ... 39, each as likely as the others
    for share in (0.5, 0.9):
        inside = ((rank + 0.5) / (samples + 1) - 0.5).abs() < share / 2
        assert abs(inside.double().mean().item() - share) < 0.02, share


def test_a_mixture_of_one_gaussian_is_ppca() -> None:
    from tests.inverse.priors import fill

    ppca, one = principal(3, 2), mixture(3, 1)
    covariance = ppca.loadings @ ppca.loadings.T + ppca.noise_variance * torch.eye(3)
    fill(one, ppca.mean[None], torch.linalg.cholesky(covariance)[None], torch.ones(1))
    seen = observe(Gaussian((3,), 2), ppca.sample(3).double(), 0.1)
    left, right = (closed_form.moments(model, seen) for model in (ppca, one))
    torch.testing.assert_close(left.mean, right.mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(left.std, right.std, atol=1e-4, rtol=1e-4)


def test_draws_depend_on_the_generator_alone() -> None:
    model, seen = mixture(3, 2), Observation(Identity((3,)), torch.zeros(2, 3), 0.5)
    first, again = (
        closed_form.mixture(model, seen, samples=4, generator=torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert first.dtype == torch.float32
