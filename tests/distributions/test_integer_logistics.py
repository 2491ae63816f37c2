"""Mixtures of logistics on the integers."""

from __future__ import annotations

import pytest
import torch

from genlab.distributions.integer_logistics import LOWEST_LOG_SCALE, IntegerLogistics


def some(dtype: torch.dtype = torch.float64, *, scale: float = 1.0) -> IntegerLogistics:
    generator = torch.Generator().manual_seed(0)
    raw = (scale * torch.randn(4, 9, 5, generator=generator, dtype=torch.float64)).to(dtype)
    return IntegerLogistics.of(raw, levels=12)


def test_all_integers_have_all_the_mass_and_draws_follow_it() -> None:
    p = some()
    table = p.log_probs(-400, 400).exp()
    assert table.shape == (4, 5, 801)
    assert torch.allclose(table.sum(-1), torch.ones(4, 5, dtype=table.dtype), atol=1e-6)
    many = IntegerLogistics(*(each[:1].expand(20_000, -1, -1) for each in p))
    drawn = many.sample(generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn, drawn.round())
    values = torch.arange(-400, 401, dtype=torch.float64)
    mean = (table[0] * values).sum(-1)
    std = ((table[0] * values.square()).sum(-1) - mean.square()).sqrt()
    assert ((drawn.mean(0) - mean).abs() < 4 * std / 20_000**0.5).all()
    found = torch.stack([(drawn == z).double().mean(0) for z in (-6, 0, 3)], -1)
    assert torch.allclose(found, table[0][:, [394, 400, 403]], atol=0.015)


def test_far_from_its_location_and_at_the_least_scale_nothing_is_lost_in_single_precision() -> None:
    p, exact = some(torch.float32, scale=30.0), some(torch.float64, scale=30.0)
    assert exact.log_scale.min() == pytest.approx(LOWEST_LOG_SCALE, abs=1e-3)
    z = torch.arange(-50, 51, 5)
    for value in z.tolist():
        each = torch.full((4, 5), float(value))
        found = p.log_prob(each)
        assert found.isfinite().all()
        assert torch.allclose(found.double(), exact.log_prob(each.double()), rtol=0.02, atol=1e-3)


def test_zeros_are_components_side_by_side() -> None:
    p = IntegerLogistics.of(torch.zeros(1, 9, 2), levels=17)
    assert p.location[0, :, 0].tolist() == [-8.0, 0.0, 8.0]
    assert p.log_scale.exp()[0, 0, 0].item() == pytest.approx(17 / 12)
    assert IntegerLogistics.of(torch.zeros(1, 3, 2), levels=17).location.unique().tolist() == [0.0]


def test_no_temperature_draws_the_locations() -> None:
    p = some()
    drawn = p.sample(generator=torch.Generator().manual_seed(2), temperature=0.0)
    assert ((drawn[:, None] - p.location).abs().amin(1) <= 0.5).all()
