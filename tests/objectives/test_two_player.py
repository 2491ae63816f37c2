"""Adversarial losses: the best discriminator's value, conjugates, the signs of slopes, smoothed labels."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab.errors import ConfigError
from genlab.objectives import Adversarial
from genlab.objectives.two_player import DIVERGENCES, LOSSES, TwoPlayer

P = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
Q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
RATIO = (P / Q).log()
ALL = {**LOSSES, **{f"f_gan-{name}": divergence.losses() for name, divergence in DIVERGENCES.items()}}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def value(losses: TwoPlayer, v: Tensor) -> Tensor:
    """``L_D`` of a discriminator that says ``v`` at the four points, under P and Q."""
    return (P * losses.real(v)).sum() + (Q * losses.fake(v)).sum()


def best(losses: TwoPlayer) -> Tensor:
    """The logits that minimise `value`, by descent."""
    v = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([v], lr=0.5, max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = value(losses, v)
        loss.backward()
        return loss

    optimiser.step(closure)
    return v.detach()


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_the_best_discriminator_gives_the_jensen_shannon_divergence(name: str) -> None:
    """Goodfellow et al. (2014), theorem 1: D = p / (p + q), and the value is 2 JS - log 4."""
    mean = (P + Q) / 2
    js = ((P * (P / mean).log()).sum() + (Q * (Q / mean).log()).sum()) / 2
    assert torch.allclose(best(LOSSES[name]), RATIO, atol=1e-5)
    assert torch.allclose(-value(LOSSES[name], RATIO), 2 * js - math.log(4))


def test_the_best_least_squares_discriminator_is_the_share_of_data() -> None:
    share = P / (P + Q)
    assert torch.allclose(best(LOSSES["least_squares"]), share, atol=1e-6)
    assert torch.allclose(value(LOSSES["least_squares"], share), (P * Q / (P + Q)).sum() / 2)


def test_the_best_hinge_discriminator_gives_the_total_variation() -> None:
    assert torch.allclose(value(LOSSES["hinge"], torch.sign(P - Q)), 2 - (P - Q).abs().sum())
    for _ in range(20):
        other = 3 * torch.randn(4, dtype=torch.float64, generator=seeded(_))
        assert value(LOSSES["hinge"], other) >= value(LOSSES["hinge"], torch.sign(P - Q)) - 1e-12


def test_the_wasserstein_loss_is_the_difference_of_expectations() -> None:
    v = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    assert torch.allclose(value(LOSSES["wasserstein_gp"], v), (Q * v).sum() - (P * v).sum())


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_best_f_gan_discriminator_gives_the_divergence(name: str) -> None:
    """Nowozin et al. (2016), equation 4: sup_T E_P T - E_Q f*(T) = E_Q f(p / q)."""
    each = DIVERGENCES[name]
    exact = (Q * each.f(P / Q)).sum()
    assert torch.allclose(-value(each.losses(), best(each.losses())), exact, atol=1e-4 if "total" in name else 1e-8)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_conjugates_are_suprema(name: str) -> None:
    """f*(t) = sup_u u t - f(u), over a grid; f(1) = 0."""
    each = DIVERGENCES[name]
    u = torch.cat([torch.logspace(-6, 3, 200_000, dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)])
    v = torch.tensor([-1.2, -0.3, 0.0, 0.4, 1.5], dtype=torch.float64)
    t = each.activation(v)
    numeric = (u * t[:, None] - each.f(u)).max(1).values
    if name == "total_variation":
        numeric = numeric.maximum(-each.f(torch.zeros((), dtype=torch.float64)))  # attained at u = 0
    assert torch.allclose(each.conjugate(t), numeric, atol=1e-4)
    assert torch.allclose(each.composed(v), each.conjugate(t))
    assert each.f(torch.ones(())).abs() < 1e-7


@pytest.mark.parametrize("name", DIVERGENCES)
def test_activations_increase_and_their_threshold_is_even_odds(name: str) -> None:
    """g(v) = f'(1), the best T where p = q, at the threshold; for the total variation in the middle of its kink."""
    each = DIVERGENCES[name]
    v = torch.linspace(-3, 3, 101)
    assert (each.activation(v).diff() > 0).all()
    if name != "total_variation":
        (slope,) = torch.autograd.grad(each.f(one := torch.ones((), requires_grad=True)), one)
        assert torch.allclose(each.activation(torch.tensor(each.threshold)), slope)


@pytest.mark.parametrize("name", ALL)
def test_losses_push_logits_the_right_way(name: str) -> None:
    """Data up, samples down; the generator up, more the surer the discriminator is where the loss does not saturate."""
    losses, v = ALL[name], torch.linspace(-0.9, 0.4, 50, requires_grad=True)
    signs = [torch.autograd.grad(part(v).sum(), v)[0] for part in (losses.real, losses.fake, losses.generator)]
    assert (signs[0] < 0).all()
    if name not in {"least_squares", "f_gan-pearson"}:  # whose samples are pulled to 0 and to -2 from both sides
        assert (signs[1] > 0).all()
    assert (signs[2] < 0).all()


def test_the_non_saturating_generator_learns_where_the_minimax_one_does_not() -> None:
    lost = torch.tensor([-20.0], requires_grad=True)
    slopes = {
        name: torch.autograd.grad(LOSSES[name].generator(lost).sum(), lost)[0].item()
        for name in ("minimax", "non_saturating")
    }
    assert abs(slopes["minimax"]) < 1e-8
    assert slopes["non_saturating"] == pytest.approx(-1.0)


@pytest.mark.parametrize("name", ["minimax", "non_saturating", "least_squares"])
def test_label_smoothing_moves_the_label_of_data_alone(name: str) -> None:
    """On data alone the best D is 1 - s; what is said of samples is as before."""
    losses, s = LOSSES[name], 0.1
    assert losses.smoothed is not None
    v = torch.tensor(0.9 if name == "least_squares" else math.log(0.9 / 0.1), requires_grad=True)
    (slope,) = torch.autograd.grad(losses.smoothed(v, s), v)
    assert slope.abs() < 1e-6
    real, fake = torch.randn(5), torch.randn(5)
    smooth, plain = (losses.discriminator(real, fake, smoothing=each) for each in (s, 0.0))
    assert torch.allclose(smooth - losses.smoothed(real, s).mean(), plain - losses.real(real).mean())
    assert torch.allclose(losses.smoothed(real, 0.0), losses.real(real))


def test_smoothing_a_loss_without_labels_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"loss=hinge has no labels; it is for minimax"):
        Adversarial(loss="hinge", label_smoothing=0.1)
