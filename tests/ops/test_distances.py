"""Squared distances, by differences and by products."""

from __future__ import annotations

import pytest
import torch

from genlab.ops.distances import DIRECT, ENTRIES, chunks, squared_distances


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dim", [1, 3, DIRECT, DIRECT + 1, 40])
def test_squared_distances_are_squared_distances(dim: int) -> None:
    a, b = (3 + torch.randn(n, dim, generator=seeded(n)) for n in (7, 5))
    assert torch.allclose(squared_distances(a, b), (a[:, None] - b).square().sum(-1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dim", [2, DIRECT + 1])
def test_distances_are_those_of_pytorch_and_never_negative(dim: int) -> None:
    a = torch.randn(30, dim, generator=seeded())
    found = squared_distances(a, a)
    exact = torch.cdist(a.double(), a.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    assert torch.allclose(found.double(), exact, rtol=1e-4, atol=1e-4)
    assert found.min() >= 0


def test_rows_and_points_of_a_piece_are_as_many_as_may_be_held() -> None:
    assert chunks(1000) * 1000 <= ENTRIES < (chunks(1000) + 1) * 1000
    assert chunks(ENTRIES + 1) == 1
    assert chunks(0) == ENTRIES
