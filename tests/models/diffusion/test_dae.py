"""Laws of the denoising autoencoder: it learns the score of what noise makes of the data, and its chain stays there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models import DAE, VAE
from genlab.objectives import Walkback

CENTRES = torch.tensor([[1.5, 0.0], [-1.0, 1.2], [-0.5, -1.4]])
STD = 0.35


def mixture(n: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return CENTRES[torch.randint(3, (n,), generator=g)] + STD * torch.randn(n, 2, generator=g)


def smoothed_score(model: DAE, u: Tensor) -> Tensor:
    """Of the mixture with the model's noise on it, in its coordinates: of a closed form, differentiated."""
    means, variances = (CENTRES - model.location) / model.spread, (STD / model.spread) ** 2 + model.noise**2
    u = u.clone().requires_grad_()
    log_p = (-0.5 * ((u[:, None] - means) ** 2 / variances).sum(2)).logsumexp(1)
    return torch.autograd.grad(log_p.sum(), u)[0]


@pytest.fixture(scope="module")
def trained() -> DAE:
    torch.manual_seed(0)
    model, objective = DAE(DataSpec((2,), None), noise=0.4, hidden=[64, 64]), Walkback()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 600)
    for step in range(600):
        optimiser.zero_grad()
        objective(model, Batch(mixture(1024, step)), step=step).value.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def test_the_denoiser_s_step_is_the_score_of_the_smoothed_density(trained: DAE) -> None:
    noisy = trained.corrupt(mixture(4000, 10_000), generator=torch.Generator().manual_seed(1))
    with torch.enable_grad():
        truth = smoothed_score(trained, noisy)
    unexplained = (trained.score(noisy) - truth).square().mean() / truth.square().mean()
    assert unexplained < 0.03
    wrong = (trained.score(noisy) + noisy - truth).square().mean() / truth.square().mean()
    assert wrong > 0.1, "the step of a standard normal would be seen"


@torch.no_grad()
def test_the_optimal_denoiser_of_a_normal_distribution_has_its_score() -> None:
    """With weights set by hand: ``D(x~) = x~ / (1 + sigma^2)`` for standardised data."""
    model = DAE(DataSpec((2,), None), noise=0.5, hidden=[])
    model.anchored.fill_(value=True)
    (layer,) = model.network
    layer.weight.copy_(torch.eye(2) * (1 / 1.25 - 1))
    layer.bias.zero_()
    noisy = torch.randn(9, 2)
    torch.testing.assert_close(model.score(noisy), -noisy / 1.25)


@torch.no_grad()
def test_a_chain_visits_every_centre_and_stays_near_the_data(trained: DAE) -> None:
    x = trained.sample(600, generator=torch.Generator().manual_seed(2))
    distance, nearest = torch.cdist(x, CENTRES).min(1)
    assert (nearest.bincount(minlength=3) > 60).all()
    assert (distance < 4 * STD).float().mean() > 0.97


@torch.no_grad()
def test_a_chain_keeps_what_it_is_told_to(trained: DAE) -> None:
    start, keep = mixture(20, 3), torch.tensor([True, False])
    path = trained.path(20, frames=5, start=start, keep=keep, generator=torch.Generator().manual_seed(3))
    assert path.shape == (5, 20, 2)
    torch.testing.assert_close(path[..., 0], start[:, 0].expand(5, 20), rtol=0, atol=0)
    assert (path[-1, :, 1] != path[0, :, 1]).all()


def test_a_walk_goes_on_from_what_was_restored_and_learns_the_way_back(monkeypatch) -> None:
    model, batch = DAE(DataSpec((1, 2, 2), 2), hidden=[4]), Batch(torch.zeros(3, 1, 2, 2, dtype=torch.uint8))
    walked: list[int] = []
    told: list[int] = []
    restored = iter(range(1, 9))
    monkeypatch.setattr(model, "corrupt", lambda x: walked.append(int(x.flatten()[0])) or x.float())
    monkeypatch.setattr(model, "restore", lambda noisy, c: torch.full_like(batch.x, next(restored)))
    monkeypatch.setattr(model, "log_prob_behind", lambda x, noisy, c: told.append(int(x.max())) or torch.zeros(3))
    Walkback(steps=4)(model, batch, step=0)
    assert walked == [0, 1, 2, 3]
    assert told == [0, 0, 0, 0], "each step is held to the example itself"


def test_a_walk_has_one_term_and_costs_as_much_a_step() -> None:
    torch.manual_seed(0)
    model, batch = DAE(DataSpec((1, 6, 6), 2), hidden=[16]), Batch(torch.randint(2, (64, 1, 6, 6), dtype=torch.uint8))
    near, far = (Walkback(steps=steps)(model, batch, step=0) for steps in (1, 4))
    assert near.value.item() == near.terms["reconstruction"].item()
    assert far.value.item() == pytest.approx(near.value.item(), rel=0.2)


def test_only_what_restores_can_walk_back() -> None:
    with pytest.raises(ConfigError, match="dae"):
        Walkback().prepare(VAE(DataSpec((2,), None)))
