"""Laws of Gaussian paths: rates are derivatives, times and noise levels are inverse to each other."""

from __future__ import annotations

import pytest
import torch

from genlab.models.paths import (
    Cosine,
    GaussianPath,
    LinearLogSNR,
    Straight,
    VarianceExploding,
    VariancePreserving,
)

PATHS = [LinearLogSNR(most=13.3, least=-5), Cosine(most=13.3, least=-9), VarianceExploding(), Straight()]
TIMES = torch.linspace(0.01, 0.99, 33, dtype=torch.float64)


@pytest.fixture(params=PATHS, ids=lambda path: type(path).__name__)
def path(request: pytest.FixtureRequest) -> GaussianPath:
    return request.param


def test_rates_are_derivatives(path: GaussianPath) -> None:
    for value, rate in (
        (path.alpha, path.alpha_rate),
        (path.sigma, path.sigma_rate),
        (path.log_snr, path.log_snr_rate),
    ):
        t = TIMES.clone().requires_grad_()
        out = value(t)
        found = torch.autograd.grad(out.sum(), t)[0] if out.requires_grad else torch.zeros_like(t)
        torch.testing.assert_close(rate(TIMES), found, rtol=1e-7, atol=1e-9)


def test_the_signal_only_falls_and_its_ratio_is_the_two_coefficients(path: GaussianPath) -> None:
    assert (path.log_snr_rate(TIMES) < 0).all()
    ratio = 2 * (path.alpha(TIMES) / path.sigma(TIMES)).log()
    torch.testing.assert_close(path.log_snr(TIMES), ratio)


def test_a_time_is_known_by_its_noise(path: GaussianPath) -> None:
    torch.testing.assert_close(path.time_of(path.log_snr(TIMES)), TIMES)


def test_the_variance_of_data_of_variance_one_stays(path: GaussianPath) -> None:
    total = path.alpha(TIMES) ** 2 + path.sigma(TIMES) ** 2
    kept = torch.allclose(total, torch.ones_like(total))
    assert kept == isinstance(path, VariancePreserving)


@pytest.mark.parametrize("kind", [LinearLogSNR, Cosine])
def test_a_schedule_has_the_ends_that_it_is_given(kind: type) -> None:
    ends = kind(most=13.0, least=-6.0).log_snr(torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(ends, torch.tensor([13.0, -6.0]), rtol=1e-4, atol=1e-3)


def test_single_precision_is_enough(path: GaussianPath) -> None:
    for value in (path.alpha, path.sigma, path.log_snr, path.sigma_rate):
        torch.testing.assert_close(value(TIMES.float()).double(), value(TIMES), rtol=1e-4, atol=1e-4)
