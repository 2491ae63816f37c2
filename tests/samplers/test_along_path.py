"""Samplers along a path of noise, on data whose denoiser is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab.models.paths import Cosine, GaussianPath, LinearLogSNR, Straight, VarianceExploding, spread_over
from genlab.ops.random import normal
from genlab.samplers import ALONG_PATH, Process, ddim, heun
from genlab.samplers.process import march

MEANS = torch.tensor([[1.5, 0.0], [-1.0, 1.0], [0.0, -1.5]], dtype=torch.float64)
STD = 0.4

PATHS = {
    "straight": Straight(),
    "cosine": Cosine(most=10.0, least=-10.0),
    "linear": LinearLogSNR(most=10.0, least=-10.0),
    "exploding": VarianceExploding(least=0.01, most=20.0),
}
MAPS = [name for name, known in ALONG_PATH.items() if not known.random]
ORDERS = {"ddim": 1, "euler": 1, "dpm_solver": 2, "heun": 2, "midpoint": 2, "rk4": 4}


def mixture(path: GaussianPath) -> Process:
    """Three normal distributions of standard deviation `STD`: ``D = sum_k p(k | x) E[x_0 | x, k]``."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = spread_over(path.alpha(t), x), spread_over(path.sigma(t), x)
        variance = (alpha * STD).square() + sigma.square()
        away = x[:, None] - alpha[:, None] * MEANS
        weight = (-0.5 * away.square().sum(2) / variance).softmax(1)
        each = MEANS + (alpha * STD**2 / variance)[:, None] * away
        return (weight[:, :, None] * each).sum(1)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = spread_over(path.alpha(t), x), spread_over(path.sigma(t), x)
        variance = (alpha * STD).square() + sigma.square()
        away = x[:, None] - alpha[:, None] * MEANS
        weight = (-0.5 * away.square().sum(2) / variance).softmax(1)[:, :, None]
        rates = spread_over(path.alpha_rate(t), x), spread_over(path.sigma_rate(t), x)
        growth = (alpha * STD**2 * rates[0] + sigma * rates[1]) / variance
        return (weight * (rates[0][:, None] * MEANS + growth[:, None] * away)).sum(1)

    return Process(path, denoise, velocity)


def down(steps: int, *, last: float = 0.0) -> Tensor:
    return torch.linspace(1.0, last, steps + 1, dtype=torch.float64)


def noise(n: int, path: GaussianPath, seed: int = 0) -> Tensor:
    eps = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return path.sigma(torch.ones(1, dtype=torch.float64)) * eps


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_the_velocity_of_the_mixture_follows_from_its_denoiser(path: GaussianPath) -> None:
    process, x, t = mixture(path), noise(50, path), torch.full((50,), 0.4, dtype=torch.float64)
    alpha, sigma = path.alpha(t)[:, None], path.sigma(t)[:, None]
    clean = process.denoise(x, t)
    expected = path.alpha_rate(t)[:, None] * clean + path.sigma_rate(t)[:, None] * (x - alpha * clean) / sigma
    assert torch.allclose(process.velocity(x, t), expected)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("kind", ["straight", "cosine"])
def test_the_error_of_a_method_falls_by_its_order(name: str, kind: str) -> None:
    if (name, kind) == ("dpm_solver", "straight"):
        pytest.skip("of order 2 in log(alpha / sigma), which is infinite at both ends of the straight path")
    path = PATHS[kind]
    process, x = mixture(path), noise(200, path)
    exact = ALONG_PATH["rk4"].run(process, x, down(400))
    few = (80, 160) if name == "dpm_solver" else (40, 80)
    errors = [(ALONG_PATH[name].run(process, x, down(n)) - exact).square().mean().sqrt().item() for n in few]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(ORDERS[name], abs=0.3)


@pytest.mark.parametrize("name", ALONG_PATH)
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_noise_becomes_the_data_s_distribution(name: str, path: GaussianPath) -> None:
    n = 4000
    g = torch.Generator().manual_seed(1)
    found = ALONG_PATH[name].run(mixture(path), noise(n, path), down(200), generator=g)
    away = torch.cdist(found, MEANS)
    counts = away.argmin(1).bincount(minlength=3)
    assert ((counts / n - 1 / 3).abs() < 4 * math.sqrt(2 / 9 / n)).all(), "the weights of the modes"
    for k in range(3):
        own = found[away.argmin(1) == k]
        assert (own.mean(0) - MEANS[k]).abs().max() < 0.05
        assert (own.std(0) - STD).abs().max() < 0.04


@pytest.mark.parametrize("name", ["heun", "midpoint", "rk4"])
def test_back_along_the_flow_is_where_it_came_from(name: str) -> None:
    process, x = mixture(PATHS["straight"]), noise(100, PATHS["straight"])
    times = down(100)
    run = ALONG_PATH[name].run
    assert (run(process, run(process, x, times), times.flip(0)) - x).abs().max() < 5e-3


@pytest.mark.parametrize("name", ALONG_PATH)
def test_the_same_generators_and_steps_give_the_same_in_any_batch(name: str) -> None:
    path = PATHS["cosine"]

    def draw(rows: list[int], steps: int = 6) -> Tensor:
        generators = [torch.Generator().manual_seed(row) for row in rows]
        x = normal(len(rows), 2, like=MEANS, generator=generators)
        return ALONG_PATH[name].run(mixture(path), x, down(steps), generator=generators)

    whole = draw([0, 1, 2, 3, 4])
    assert torch.allclose(draw([3, 1]), whole[[3, 1]], atol=1e-12)
    assert not torch.allclose(draw([3, 1], steps=7), whole[[3, 1]])


@pytest.mark.parametrize("name", ALONG_PATH)
def test_the_network_is_asked_as_often_as_is_said_and_every_step_is_seen(name: str) -> None:
    asked, seen = [], []
    plain = mixture(PATHS["cosine"])

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        asked.append(t)
        return plain.denoise(x, t)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        asked.append(t)
        return plain.velocity(x, t)

    start = noise(3, PATHS["cosine"])
    found = ALONG_PATH[name].run(
        Process(plain.path, denoise, velocity),
        start,
        down(5),
        generator=torch.Generator().manual_seed(0),
        observe=lambda k, x: seen.append((k, x)),
    )
    assert len(asked) == 5 * ALONG_PATH[name].evaluations
    assert [k for k, _ in seen] == [1, 2, 3, 4, 5]
    assert torch.equal(seen[-1][1], found)
    assert not torch.equal(seen[0][1], seen[1][1])
    assert torch.equal(start, noise(3, PATHS["cosine"])), "the start is left alone"


def test_ancestral_noise_is_that_of_the_posterior() -> None:
    """With the data known, a step from x_t is a draw from ``q(x_s | x_t, x_0)``, so that x_s has the path's moments."""
    path, n = PATHS["cosine"], 20_000
    data = torch.full((n, 2), 0.7, dtype=torch.float64)
    t, s = torch.tensor([0.6, 0.3], dtype=torch.float64)
    eps = noise(n, Straight(), seed=3)
    process = Process(path, lambda x, _: data, lambda x, _: x)
    found = ddim(process, path.alpha(t) * data + path.sigma(t) * eps, torch.stack([t, s]), eta=1.0)
    assert (found.mean(0) - path.alpha(s) * 0.7).abs().max() < 4 * path.sigma(s) / math.sqrt(n)
    assert (found.std(0) / path.sigma(s) - 1).abs().max() < 4 / math.sqrt(2 * n)


def test_ancestral_noise_is_as_wide_as_bayes_rule_says() -> None:
    """Of many steps from one ``x_t``: mean and spread of ``q(x_s | x_t, x_0)``."""
    path, n = PATHS["cosine"], 20_000
    t, s = torch.tensor([0.6, 0.3], dtype=torch.float64)
    clean, x_t = torch.full((n, 1), 0.7, dtype=torch.float64), torch.full((n, 1), 1.9, dtype=torch.float64)
    process = Process(path, lambda x, _: clean, lambda x, _: x)
    g = torch.Generator().manual_seed(0)
    found = ddim(process, x_t, torch.stack([t, s]), eta=1.0, generator=g)
    # x_s ~ N(alpha_s x_0, sigma_s^2), and x_t = r x_s + noise of variance sigma_t^2 - r^2 sigma_s^2
    r = path.alpha(t) / path.alpha(s)
    rest = path.sigma(t).square() - r.square() * path.sigma(s).square()
    precision = 1 / path.sigma(s).square() + r.square() / rest
    mean = (path.alpha(s) * 0.7 / path.sigma(s).square() + r * 1.9 / rest) / precision
    assert found.mean().item() == pytest.approx(mean.item(), abs=4 / math.sqrt(precision * n))
    assert found.std().item() == pytest.approx(precision.rsqrt().item(), rel=4 / math.sqrt(2 * n))


def test_a_step_of_dpm_solver_is_that_of_the_paper_whatever_the_one_before() -> None:
    """``x_s = sigma_s / sigma_t x - alpha_s (e^-h - 1) (D + h / (2 h_before) (D - D_before))`` (Lu et al., 2022)."""
    path = PATHS["linear"]
    times = torch.tensor([0.8, 0.7, 0.4], dtype=torch.float64)
    process = Process(path, lambda x, t: t[:, None].sin().expand_as(x), lambda x, _: x)  # D of the time alone
    x = torch.ones(1, 1, dtype=torch.float64)
    alpha, sigma, half = path.alpha(times), path.sigma(times), path.log_snr(times) / 2
    h, d = half.diff(), times.sin()
    x_1 = sigma[1] / sigma[0] * x - alpha[1] * torch.expm1(-h[0]) * d[0]
    ahead = d[1] + h[1] / (2 * h[0]) * (d[1] - d[0])
    x_2 = sigma[2] / sigma[1] * x_1 - alpha[2] * torch.expm1(-h[1]) * ahead
    assert torch.allclose(ALONG_PATH["dpm_solver"].run(process, x, times), x_2)


def test_the_corrector_keeps_what_is_right_and_moves_what_is_not() -> None:
    """With the exact score of N(0, 1) at a level, a chain forgets its start."""
    path, n = PATHS["straight"], 20_000
    process = Process(path, lambda x, t: torch.zeros_like(x), lambda x, _: x)  # all data at 0: x_t ~ N(0, t^2)
    times = torch.full((120,), 0.5, dtype=torch.float64)
    g = torch.Generator().manual_seed(0)
    found = ALONG_PATH["predictor_corrector"].run(
        process, torch.full((n, 1), 3.0, dtype=torch.float64), times, generator=g
    )
    assert abs(found.mean().item()) < 0.02
    assert found.std().item() == pytest.approx(0.5 / math.sqrt(1 - 0.16**2), rel=0.03)


def test_a_straight_flow_needs_one_step() -> None:
    """All data at one point: every method of order 1 and 2 lands on it at once."""
    point = torch.tensor([2.0, -1.0], dtype=torch.float64)
    path = PATHS["straight"]
    process = Process(path, lambda x, t: point.expand_as(x), lambda x, t: (x - point) / t[:, None])
    for name in ("ddim", "dpm_solver", "euler"):
        assert torch.allclose(ALONG_PATH[name].run(process, noise(9, path), down(1)), point.expand(9, 2))


def test_a_march_goes_row_by_row() -> None:
    rows = torch.tensor([[1.0, 2.0], [10.0, 20.0]])
    found = march(lambda x, row, _: x * row[0] + row[1], torch.ones(2, 1), rows)
    assert torch.equal(found, torch.full((2, 1), 50.0))


def test_times_in_single_precision_do() -> None:
    path = PATHS["straight"]
    x = noise(20, path).float()
    found = heun(
        Process(path, lambda x, t: x, lambda x, t: mixture(path).velocity(x.double(), t.double()).float()),
        x,
        down(16).float(),
    )
    assert found.dtype == torch.float32
    exact = heun(mixture(path), x.double(), down(16))
    assert torch.allclose(found.double(), exact, atol=1e-4)
