"""Random numbers: their law."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.ops.random import truncated_normal


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("bound", [0.3, 1.0, 2.5])
def test_a_truncated_normal_has_its_bound_and_its_variance(bound: float) -> None:
    """Var = 1 - 2 b phi(b) / (2 Phi(b) - 1)."""
    z = truncated_normal(200_000, 1, bound=bound, like=torch.empty(()), generator=seeded())
    phi, inside = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi), math.erf(bound / math.sqrt(2))
    assert z.abs().max() <= bound
    assert z.mean().abs() < 0.01
    assert z.var().item() == pytest.approx(1 - 2 * bound * phi / inside, rel=0.02)
