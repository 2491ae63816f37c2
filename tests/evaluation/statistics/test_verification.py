from __future__ import annotations

import pytest
import torch

from genlab.evaluation.statistics.verification import crps, hits, ranks


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_hits_are_counted_where_both_reach_the_threshold() -> None:
    forecast = torch.tensor([[[0.5, 0.0, 3.0, 1.0]]])
    truth = torch.tensor([[[0.5, 2.0, 0.0, 0.1]]])
    hit, all_ = hits(forecast, truth, 0.5)
    assert (hit.item(), all_.item()) == (1, 4)


def test_crps_is_its_definition_and_of_one_member_the_absolute_error() -> None:
    members, truth = torch.randn(5, 3, 4, generator=seeded()), torch.randn(3, 4, generator=seeded(1))
    pairs = (members[:, None] - members[None]).abs().mean((0, 1))
    assert torch.allclose(crps(members, truth), (members - truth).abs().mean(0) - pairs / 2, atol=1e-6)
    assert torch.equal(crps(members[:1], truth), (members[0] - truth).abs())


def test_crps_of_many_draws_is_that_of_a_gaussian_and_best_for_the_true_one() -> None:
    members, truth = torch.randn(400, 20_000, generator=seeded()), torch.randn(20_000, generator=seeded(1))
    exact = 1 / torch.pi**0.5  # E CRPS of N(0, 1) against its own draws
    assert crps(members, truth).mean().item() == pytest.approx(exact, abs=0.01)
    for other in (0.5 * members, 2 * members, members + 0.5):
        assert crps(other, truth).mean() > exact + 0.02


def test_ranks_are_flat_where_the_truth_is_as_a_member() -> None:
    members, truth = torch.randn(4, 50_000, generator=seeded()), torch.randn(50_000, generator=seeded(1))
    counts = ranks(members, truth, generator=seeded(2))
    assert counts.sum() == 50_000
    assert (counts / 50_000 - 0.2).abs().max() < 0.01
    narrow = ranks(0.2 * members, truth, generator=seeded(2))
    assert narrow[[0, 4]].sum() > 0.7 * 50_000
    high = ranks(members + 1, truth, generator=seeded(2))
    assert high[0] > 0.4 * 50_000


def test_ties_are_broken_at_random_and_what_is_all_the_same_does_not_count() -> None:
    members = torch.zeros(3, 40_000)
    members[2, :30_000] = 1.0
    counts = ranks(members, torch.zeros(40_000), generator=seeded())
    assert counts.sum() == 30_000
    assert (counts[:3] / 30_000 - 1 / 3).abs().max() < 0.015
    assert counts[3] == 0
