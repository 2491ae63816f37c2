"""Laws of the bound: the optimal denoiser's is the exact number on Gaussian data; one number tells each level."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.models.diffusion.bound import DiffusionBound, density_term, level_term, noise_error, prior_term
from genlab.models.diffusion.schedules import Learned, first_log_snr, schedule
from genlab.models.paths import Cosine, LinearLogSNR, VariancePreserving, spread_over

MEAN, STD = 0.4, 0.8


class Optimal(DiffusionBound):
    """The optimal denoiser of ``N(mean, std^2 I)`` in the plane, or one whose answers are off by a part."""

    def __init__(self, path: VariancePreserving, *, off: float = 0.0) -> None:
        super().__init__()
        self.spec, self.path, self.off = DataSpec((2,), None), path, off
        self.anchor = nn.Parameter(torch.zeros(()))

    def expected(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        alpha, sigma = spread_over(self.path.alpha(t), x), spread_over(self.path.sigma(t), x)
        return MEAN + (1 + self.off) * alpha * STD**2 * (x - alpha * MEAN) / (alpha**2 * STD**2 + sigma**2)

    def from_data(self, x: Tensor) -> Tensor:
        return x

    def to_data(self, u: Tensor) -> Tensor:
        return u

    def ends(self, x: Tensor) -> dict[str, Tensor]:
        first, last = self.path.ends(like=x)
        return {"prior": prior_term(x, last), "reconstruction": density_term(x, first)}

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        return MEAN + STD * torch.randn(n, 2, generator=generator)


def data(n: int) -> tuple[Tensor, Tensor]:
    """Draws, and their exact log-densities."""
    x = MEAN + STD * torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x, torch.distributions.Normal(MEAN, STD).log_prob(x).sum(1)


LINEAR = LinearLogSNR(most=12, least=-9)


@pytest.mark.parametrize("path", [LINEAR, Cosine(most=12, least=-9), Learned(most=12.0, least=-9.0)], ids=str)
@torch.no_grad()
def test_the_bound_of_the_optimal_denoiser_is_tight_and_that_of_another_is_lower(path: VariancePreserving) -> None:
    x, exact = data(4000)
    gaps = [
        exact - Optimal(path, off=off).log_prob_bound(x, 64, generator=torch.Generator().manual_seed(1))
        for off in (0.0, 0.3)
    ]
    error = [(gap.std() / len(gap) ** 0.5).item() for gap in gaps]
    assert error[0] < 0.02
    assert abs(gaps[0].mean().item()) < 3 * error[0] + 1e-3
    assert gaps[1].mean().item() > 0.1 + 3 * error[1]


@torch.no_grad()
def test_more_draws_make_the_bound_less_noisy_and_no_tighter() -> None:
    x, _ = data(2000)
    few, many = (
        Optimal(LINEAR, off=0.2).log_prob_bound(x, k, generator=torch.Generator().manual_seed(2)) for k in (1, 64)
    )
    assert (few - many).mean().abs() < 3 * (few - many).std() / len(x) ** 0.5
    assert many.var() < few.var() / 4


@torch.no_grad()
def test_what_is_taken_away_as_known_changes_no_mean_and_quiets() -> None:
    class Plain(Optimal):
        def control(self, t: Tensor) -> Tensor:
            return torch.zeros_like(t)

    x, _ = data(3000)
    quiet, plain = (
        kind(LINEAR).log_prob_bound(x, 16, generator=torch.Generator().manual_seed(3)) for kind in (Optimal, Plain)
    )
    assert (quiet - plain).mean().abs() < 3 * (quiet - plain).std() / len(x) ** 0.5
    assert quiet.var() < plain.var() / 4


@torch.no_grad()
def test_the_terms_add_up_and_draws_beyond_the_most_change_nothing() -> None:
    model, (x, _) = Optimal(LINEAR), data(5)
    terms = model.log_prob_bound_terms(x, 9, generator=torch.Generator().manual_seed(4))
    assert set(terms) == {"prior", "diffusion", "reconstruction"}
    total = model.log_prob_bound(x, 9, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(torch.stack(list(terms.values())).sum(0), total)
    most, more = (model.log_prob_bound(x, k, generator=torch.Generator().manual_seed(5)) for k in (64, 1000))
    torch.testing.assert_close(most, more, rtol=0, atol=0)


def test_an_error_of_the_noise_is_one_of_the_clean_example_by_the_ratio() -> None:
    model, (x, _) = Optimal(LINEAR), data(9)
    t = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    eps = torch.randn(9, 2, dtype=torch.float64)
    expected = (model.noise(model.path.add_noise(x, t, eps), t) - eps).square().sum(1)
    torch.testing.assert_close(noise_error(model, x, t, eps, None), expected)


def test_the_prior_term_is_a_divergence_of_normal_distributions() -> None:
    x, last = torch.tensor([[0.3, -1.2]]), torch.tensor(-1.0)
    q = torch.distributions.Normal(last.sigmoid().sqrt() * x, (-last).sigmoid().sqrt())
    expected = -torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(prior_term(x, last), expected)


@pytest.mark.parametrize("levels", [2, 17, 40, 256])
def test_the_reconstruction_of_levels_is_what_draws_say(levels: int) -> None:
    """At a ratio at which neighbours can be mistaken: by 200,000 draws of each of five levels, over all levels."""
    log_snr = torch.tensor(2 * math.log(2.5 * (levels - 1) / 2), dtype=torch.float64)
    alpha, sigma = log_snr.sigmoid().sqrt(), (-log_snr).sigmoid().sqrt()
    u = torch.linspace(-1, 1, levels, dtype=torch.float64)
    g = torch.Generator().manual_seed(0)
    for v in sorted({0, 1, levels // 2, levels - 2, levels - 1}):
        logits, n = [], 200_000
        z = alpha * u[v] + sigma * torch.randn(n, generator=g, dtype=torch.float64)
        logits = -0.5 * ((z[:, None] - alpha * u) / sigma).square()
        found = logits.log_softmax(1)[:, v]
        value = level_term(torch.tensor([[v]]), log_snr, levels=levels).item()
        assert value == pytest.approx(found.mean().item(), abs=4 * found.std().item() / n**0.5)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_the_first_noise_leaves_levels_to_be_told(levels: int) -> None:
    first = torch.tensor(first_log_snr(levels), dtype=torch.float64)
    x = torch.arange(levels)[:, None]
    assert level_term(x, first, levels=levels).min() > -0.01
    assert (level_term(x, first - 4, levels=levels) < -0.02).all()


def test_a_learned_pace_goes_where_errors_are_and_its_rate_is_its_derivative() -> None:
    path = Learned(most=8.0, least=-6.0)
    t = torch.linspace(0.01, 0.99, 500)
    for _ in range(3):
        path.observe(t, torch.where(path.log_snr(t) > 1, 9.0, 1.0))  # half of the way: lambda from 8 to 1
    times = path.time_of(torch.tensor([8.0, 1.0, -6.0]))
    assert times[0].item() == pytest.approx(0, abs=1e-5)
    assert times[1].item() == pytest.approx(1.9 / 2.2, abs=0.02), "9 to 1, and a tenth of the mean for all"
    assert times[2].item() == pytest.approx(1, abs=1e-5)
    t = torch.linspace(0.013, 0.987, 57, requires_grad=True)
    (found,) = torch.autograd.grad(path.log_snr(t).sum(), t)
    torch.testing.assert_close(path.log_snr_rate(t), found)
    torch.testing.assert_close(path.time_of(path.log_snr(t)), t, rtol=1e-4, atol=1e-5)


def test_every_schedule_begins_and_ends_alike() -> None:
    for levels in (2, 256, None):
        ends = [
            schedule(name, levels=levels).log_snr(torch.tensor([0.0, 1.0])) for name in ("cosine", "linear", "learned")
        ]
        for each in ends[1:]:
            torch.testing.assert_close(each, ends[0], rtol=1e-3, atol=1e-3)
