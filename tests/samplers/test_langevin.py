"""Langevin dynamics against what is known of it in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from genlab.samplers import Langevin, gradient

MEAN, STD = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(x: Tensor) -> Tensor:
    return 0.5 * ((x - MEAN) / STD).square().sum(1)


def test_a_chain_recovers_a_gaussian_up_to_its_known_bias() -> None:
    """``x' = x - a (x - m) / v + sqrt(2 a) eps`` is an AR(1) process with variance ``v / (1 - a / 2v)``."""
    a, n = 0.05, 20_000
    x = Langevin(step_size=a).run(gaussian, torch.zeros(n, 2), steps=500, generator=seeded())
    variance = STD.square()
    expected = variance / (1 - a / (2 * variance))
    error = (expected / n).sqrt()
    assert ((x.mean(0) - MEAN).abs() < 4 * error).all()
    assert ((x.var(0) / expected - 1).abs() < 4 * math.sqrt(2 / n)).all()
    assert ((x.var(0) / variance - 1)[0] > 4 * math.sqrt(2 / n)).all(), "the step is large enough to show its bias"


def test_a_small_step_leaves_no_bias_to_be_seen() -> None:
    a, n = 2e-3, 4000
    start = MEAN + STD * torch.randn(n, 2, generator=seeded(1))
    x = Langevin(step_size=a).run(gaussian, start, steps=300, generator=seeded())
    assert ((x.mean(0) - MEAN).abs() < 4 * STD / math.sqrt(n)).all()
    assert ((x.var(0) / STD.square() - 1).abs() < 4 * math.sqrt(2 / n)).all()


def test_the_noise_sets_the_temperature() -> None:
    settings = Langevin(step_size=0.01, noise=0.05)
    assert settings.temperature == pytest.approx(0.125)
    x = settings.run(gaussian, MEAN.repeat(8000, 1), steps=1500, generator=seeded())
    assert torch.allclose(x.var(0)[0], settings.temperature * STD.square()[0], rtol=0.1)


def test_without_noise_it_is_gradient_descent() -> None:
    x = start = torch.randn(5, 2, generator=seeded())
    for _ in range(7):
        x = x - 0.1 * (x - MEAN) / STD.square()
    assert torch.allclose(Langevin(step_size=0.1, noise=0.0).run(gaussian, start, steps=7), x, atol=1e-6)


def test_a_clamped_gradient_bounds_every_move() -> None:
    far = torch.full((3, 2), 1000.0)
    x = Langevin(step_size=0.5, noise=0.0, clamp=0.1).run(gaussian, far, steps=4)
    assert torch.allclose(far - x, torch.full((3, 2), 4 * 0.5 * 0.1), atol=1e-3)


def test_a_scaled_step_keeps_the_temperature() -> None:
    a, scale = Langevin(step_size=0.4, noise=0.3), 0.25
    other = Langevin(step_size=0.4 * scale, noise=0.3 * math.sqrt(scale))
    assert other.temperature == pytest.approx(a.temperature)
    start = torch.zeros(4, 2)
    assert torch.allclose(
        a.run(gaussian, start, steps=5, scale=scale, generator=seeded()),
        other.run(gaussian, start, steps=5, generator=seeded()),
    )


def test_projection_and_observation_see_every_step() -> None:
    seen: list[tuple[int, Tensor]] = []
    x = Langevin(step_size=0.1).run(
        gaussian,
        torch.zeros(3, 2),
        steps=4,
        generator=seeded(),
        project=lambda state: state.clamp(-0.2, 0.2),
        observe=lambda k, state: seen.append((k, state)),
    )
    assert [k for k, _ in seen] == [1, 2, 3, 4]
    assert torch.equal(seen[-1][1], x)
    assert all(state.abs().max() <= 0.2 for _, state in seen)
    assert not torch.equal(seen[0][1], seen[1][1])


def test_the_same_generator_gives_the_same_chain_and_the_start_is_left_alone() -> None:
    start = torch.zeros(3, 2)
    one, same, other = (
        Langevin(step_size=0.1).run(gaussian, start, steps=3, generator=seeded(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(start, torch.zeros(3, 2))


def test_the_gradient_is_there_without_grad_mode_and_leaves_none_on_parameters() -> None:
    layer = nn.Linear(2, 1)
    x = torch.randn(4, 2)
    with torch.no_grad():
        slope = gradient(lambda u: layer(u).squeeze(1), x)
    assert torch.allclose(slope, layer.weight.detach().expand(4, 2))
    assert layer.weight.grad is None
    assert not x.requires_grad


def test_the_chain_is_computed_in_float32_under_autocast() -> None:
    layer = nn.Linear(2, 1)

    def energy(u: Tensor) -> Tensor:
        out = layer(u).squeeze(1)
        assert out.dtype == torch.float32
        return out

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.zeros(1, 2)).dtype == torch.bfloat16
        assert Langevin(step_size=0.1).run(energy, torch.zeros(2, 2), steps=2).dtype == torch.float32
