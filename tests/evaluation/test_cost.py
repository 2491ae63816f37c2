"""A rate is the median of repeated runs, and its error is that of a median whatever the runs are distributed like."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from genlab.evaluation import cost

DRAWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Gaussian": lambda u: torch.special.ndtri(u),
    "long tail": lambda u: 1 + 0.1 * torch.special.ndtri(u) + 20 * (u > 0.9),  # one run in ten is disturbed
    "uniform": lambda u: u,
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("n", [5, 10, 101])
def test_the_error_of_a_median_is_its_deviation_over_repetitions(name, n):
    generator = torch.Generator().manual_seed(0)
    u = torch.rand(1000, n, generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    found = [cost.median(values.tolist()) for values in DRAWS[name](u)]
    medians = torch.tensor([each.value for each in found])
    low, high = medians.quantile(torch.tensor([0.159, 0.841]))  # where a Gaussian's lie two deviations apart
    typical = torch.tensor([each.standard_error for each in found]).median().item()
    assert 0.7 < typical / ((high - low).item() / 2) < 1.4


def test_the_error_of_two_values_and_of_many():
    low, high = 1.0, 2.0
    z = 0.6744897501960817  # a quarter of a Gaussian lies below -z: both of two values are on one side of the median
    assert cost.median([low, high]) == pytest.approx((1.5, (high - low) / (2 * z)))
    many = cost.median([float(i) for i in range(100_001)])
    assert many.value == 50_000.0
    assert many.standard_error == pytest.approx(0.5 * math.sqrt(100_001), rel=0.01)


def test_runs_that_are_disturbed_leave_the_rate_and_its_error_alone(monkeypatch):
    seconds = iter([9.0, *([0.1, 0.1001, 0.0999] * 6), 50.0, 50.0])
    clock = [0.0]

    def run():
        clock[0] += next(seconds)

    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock[0])
    found = cost.rate(run, examples=10, device=torch.device("cpu"), seconds=0.0, at_least=20)
    assert found.value == pytest.approx(100.0, rel=0.01)
    assert found.standard_error < 0.1
