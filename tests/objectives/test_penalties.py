"""Penalties on a critic's slope: by their formulas, in float32, and of a compiled critic."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from genlab.objectives.penalties import gradient_penalty, r1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_penalties_of_a_linear_critic_are_closed() -> None:
    a = torch.tensor([3.0, -4.0])
    real, fake = torch.randn(6, 2), torch.randn(6, 2)
    assert torch.allclose(gradient_penalty(lambda x: x @ a, real, fake), torch.tensor((5.0 - 1) ** 2))
    assert torch.allclose(r1(lambda x: x @ a, real), torch.tensor(25.0 / 2))


def test_the_gradient_penalty_looks_between_data_and_samples_and_r1_at_data() -> None:
    """V = |x|^2 / 2 has the slope x: constant along a circle only at its ends, |x| = 2 and 0."""
    real = 2 * torch.nn.functional.normalize(torch.randn(4000, 2, generator=seeded()), dim=1)
    torch.manual_seed(0)
    found = gradient_penalty(lambda x: x.square().sum(1) / 2, real, torch.zeros_like(real))
    assert found.item() == pytest.approx(1 / 3, abs=0.02)  # E (2 e - 1)^2
    assert r1(lambda x: x.square().sum(1) / 2, real).item() == pytest.approx(2.0, rel=1e-5)


def test_penalties_are_taken_in_float32_and_train_the_critic() -> None:
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    x = torch.randn(5, 2, dtype=torch.bfloat16)
    a = torch.tensor([3.001, -4.003])  # which bfloat16 would round to 3 and -4
    with torch.autocast("cpu", dtype=torch.bfloat16):
        exact = r1(lambda x: x @ a, x)
        penalty = gradient_penalty(critic, x, x) + r1(critic, x)
    assert exact.item() == pytest.approx((3.001**2 + 4.003**2) / 2, rel=1e-6)
    assert penalty.dtype == torch.float32
    penalty.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())
    assert critic[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("spectral", [False, True])
def test_penalties_of_a_compiled_critic_are_those_of_the_plain_one(spectral: bool) -> None:
    """Beside a compiled loss; the refusal is that of aot_autograd, which is below all backends."""
    x, found = torch.randn(5, 2, generator=seeded()), []
    for compiled in (False, True):
        torch.manual_seed(0)
        first = nn.Linear(2, 8)
        critic = nn.Sequential(spectral_norm(first) if spectral else first, nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
        if compiled:
            critic.compile(backend="aot_eager")
        loss = critic(x).mean() + gradient_penalty(critic, x, -x) + r1(critic, x)
        loss.backward()
        found.append([loss.detach(), *(p.grad for p in critic.parameters() if p.grad is not None)])
    assert len(found[0]) == 5  # the loss reaches the last bias, too
    for plain, other in zip(*found, strict=True):
        torch.testing.assert_close(plain, other)
