"""Squared distances, by differences and by products."""

from __future__ import annotations

import pytest
import torch

from genlab.ops.distances import DIRECT, squared_distances


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dim", [1, 3, DIRECT, DIRECT + 1, 40])
def test_squared_distances_are_squared_distances(dim: int) -> None:
    a, b = (3 + torch.randn(n, dim, generator=seeded(n)) for n in (7, 5))
    assert torch.allclose(squared_distances(a, b), (a[:, None] - b).square().sum(-1), rtol=1e-3, atol=1e-4)
