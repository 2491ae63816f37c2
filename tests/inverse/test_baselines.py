"""Laws of what needs no model: what it minimises, what it leaves alone, what it recovers."""

import pytest
import torch

from genlab.inverse.baselines import bases, bicubic, denoised, harmonic, sparse, total_variation
from genlab.inverse.observation import Observation, observe
from genlab.inverse.operators import Downsample, Gaussian, Identity, Mask


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_large_harmonic_picture_is_the_same_by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = torch.ones(14, 12, dtype=torch.bool)
    keep[2:12, 1:9] = False
    seen = observe(Mask((2, 14, 12), keep), _random(3, 2, 14, 12), 0.0)
    direct = harmonic(seen)
    monkeypatch.setattr("genlab.inverse.baselines.DIRECT", 10)
    torch.testing.assert_close(harmonic(seen), direct)


def _objective(u: torch.Tensor, noisy: torch.Tensor, weight: float) -> torch.Tensor:
    down = torch.zeros_like(u)
    down[..., :-1, :] = u[..., 1:, :] - u[..., :-1, :]
    right = torch.zeros_like(u)
    right[..., :-1] = u[..., 1:] - u[..., :-1]
    return weight * (down.square() + right.square()).sqrt().sum() + (u - noisy).square().sum() / 2


def test_total_variation_is_a_minimum() -> None:
    noisy, weight = _random(1, 1, 6, 7), 0.2
    found = total_variation(noisy, weight, steps=3000)
    best = _objective(found, noisy, weight)
    for seed in range(20):
        for size in (1e-1, 1e-2):
            other = found + size * (_random(1, 1, 6, 7, seed=seed + 1) - 0.5)
            assert _objective(other, noisy, weight) > best
    assert _objective(found, noisy, weight) < _objective(noisy, noisy, weight)
    torch.testing.assert_close(found.mean(), noisy.mean())  # it moves brightness, and adds none


def test_denoising_brings_a_flat_picture_nearer_to_the_truth() -> None:
    truth = torch.full((3, 1, 16, 16), 0.5)
    truth[..., 8:] = 0.2
    seen = observe(Identity((1, 16, 16)), truth, 0.1, generator=torch.Generator().manual_seed(0))
    noisy = (seen.y.view_as(truth) - truth).square().mean()
    for known in (truth, None):
        assert (denoised(seen, known) - truth).square().mean() < noisy / 4


def test_bicubic_reproduces_a_slope_and_harmonic_a_plane() -> None:
    slope = (torch.arange(16, dtype=torch.float64) / 16).expand(1, 1, 16, 16).contiguous()
    operator = Downsample((1, 16, 16), 2)
    again = bicubic(Observation(operator, operator.forward(slope), 0.0))
    torch.testing.assert_close(again[..., 4:-4], slope[..., 4:-4], atol=1e-6, rtol=0)
    keep = torch.zeros(16, 16, dtype=torch.bool)
    keep[:, 0] = keep[:, -1] = True
    mask = Mask((1, 16, 16), keep)
    filled = harmonic(Observation(mask, mask.forward(slope), 0.0))
    torch.testing.assert_close(filled, slope, atol=2e-2, rtol=0)
    torch.testing.assert_close(mask.forward(filled), mask.forward(slope))


@pytest.mark.parametrize("event", [(1, 8, 8), (3, 4, 6), (1, 7, 12)])
def test_bases_are_orthonormal(event: tuple[int, ...]) -> None:
    for basis in bases(event).values():
        torch.testing.assert_close(basis @ basis.T, torch.eye(len(basis), dtype=torch.float64))


@pytest.mark.parametrize("name", ["pixels", "cosines", "wavelets"])
def test_the_lasso_recovers_what_is_sparse_in_its_basis(name: str) -> None:
    event = (1, 8, 8)
    basis = bases(event)[name]
    weights = torch.zeros(2, 64, dtype=torch.float64)
    weights[:, 0] = 0.9 if name == "pixels" else 4.0  # of cosines and wavelets the mean, so that values are positive
    weights[0, 9], weights[1, 13] = 0.3, 0.4
    truth = (weights @ basis).view(2, *event).clamp(0, 1)
    seen = observe(Gaussian(event, 24, seed=1), truth, 0.0)
    found = sparse(seen, truth)[f"lasso ({name})"]
    assert (found - truth).square().mean().sqrt() < 0.02
    assert len(sparse(seen, None)) == 3
