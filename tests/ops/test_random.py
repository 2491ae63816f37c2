"""Random numbers: their law, and that they repeat with their generators."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.ops.random import normal, truncated_normal, uniform


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


@pytest.mark.parametrize("draw", [normal, uniform])
def test_numbers_repeat_with_their_generator(draw) -> None:
    like = torch.empty((), dtype=torch.float64)
    one, same, other = (draw(4, 2, 3, like=like, generator=seeded(seed)) for seed in (1, 1, 2))
    assert one.shape == (4, 2, 3)
    assert one.dtype == torch.float64
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("draw", [normal, uniform])
def test_numbers_of_an_example_are_those_of_its_own_generator_in_any_batch(draw) -> None:
    def rows(*seeds: int) -> torch.Tensor:
        return draw(len(seeds), 5, like=torch.empty(()), generator=[seeded(seed) for seed in seeds])

    assert torch.equal(rows(0, 1, 2, 3), torch.cat([rows(0), rows(1, 2), rows(3)]))
    assert torch.equal(rows(2, 0), rows(0, 1, 2)[[2, 0]])


@pytest.mark.parametrize("draw", [normal, uniform])
def test_without_a_generator_pytorch_s_own_state_decides(draw) -> None:
    torch.manual_seed(5)
    one = draw(3, 2, like=torch.empty(()), generator=None)
    assert not torch.equal(one, draw(3, 2, like=torch.empty(()), generator=None))
    torch.manual_seed(5)
    assert torch.equal(one, draw(3, 2, like=torch.empty(()), generator=None))


def test_every_example_needs_a_generator_of_its_own() -> None:
    with pytest.raises(ValueError, match="2 generators for a batch of 3"):
        normal(3, 1, like=torch.empty(()), generator=[seeded(0), seeded(1)])


def test_uniform_numbers_are_below_one() -> None:
    u = uniform(10_000, 1, like=torch.empty(()), generator=seeded())
    assert u.min() >= 0
    assert u.max() < 1
    assert u.mean().item() == pytest.approx(0.5, abs=0.02)
