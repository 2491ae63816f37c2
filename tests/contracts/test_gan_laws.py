"""Laws of adversarial losses, penalties and networks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from torch.nn.utils.parametrizations import spectral_norm

from genlab.data.batches import Batch
from genlab.data.doubling import doublings
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models import DCGAN, EBM, GAN
from genlab.models.conditions import condition
from genlab.objectives import Adversarial
from genlab.objectives.penalties import gradient_penalty, r1
from genlab.objectives.two_player import DIVERGENCES, LOSSES, TwoPlayer
from genlab.ops.random import truncated_normal
from tests.contracts.catalogue import CATALOGUE, LABELLED_PLANE, PLANE, RGB, Case
from tests.contracts.test_every_model import seeded

P = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
Q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
RATIO = (P / Q).log()
ALL = {**LOSSES, **{f"f_gan-{name}": divergence.losses() for name, divergence in DIVERGENCES.items()}}


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


@pytest.mark.parametrize("bound", [0.3, 1.0, 2.5])
def test_a_truncated_normal_has_its_bound_and_its_variance(bound: float) -> None:
    """Var = 1 - 2 b phi(b) / (2 Phi(b) - 1)."""
    z = truncated_normal(200_000, 1, bound=bound, like=torch.empty(()), generator=seeded())
    phi, inside = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi), math.erf(bound / math.sqrt(2))
    assert z.abs().max() <= bound
    assert z.mean().abs() < 0.01
    assert z.var().item() == pytest.approx(1 - 2 * bound * phi / inside, rel=0.02)


def test_truncation_narrows_the_latents_of_a_sample() -> None:
    model = GAN(PLANE, hidden=[8])
    z = model.sample_latents(50, truncation=0.5, generator=seeded())
    assert z.abs().max() <= 0.5
    narrow = model.sample(50, truncation=0.5, generator=seeded())
    assert torch.equal(narrow, model.decode(z).detach())
    assert narrow.std() < model.sample(50, generator=seeded()).std()


def test_doublings_give_the_side() -> None:
    reached = {field << count: count for field in (4, 5, 6, 7) for count in range(1, 6)}
    assert {8, 16, 28, 32, 64, 128} <= reached.keys()
    for side in range(140):
        assert doublings(side) == (reached.get(side) if 8 <= side <= 128 else None)


@pytest.mark.parametrize("side", [8, 12, 16, 28, 32, 64, 128])
def test_a_dcgan_makes_and_judges_pictures_of_its_size(side: int) -> None:
    model = DCGAN(DataSpec((3, side, side), 256), latent_dim=5, channels=2)
    u = model.generate(model.sample_latents(2))
    assert u.shape == (2, 3, side, side)
    assert u.abs().max() <= 1
    assert model.judge(u).shape == (2,)


def test_a_dcgan_has_the_paper_s_widths() -> None:
    """Radford et al. (2016, figure 1), at 64x64: 1024 are halved here, as in the authors' code with ngf = 64."""
    model = DCGAN(DataSpec((3, 64, 64), 256))
    made = [m for m in model.generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    judged = [m for m in model.discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert [m.in_channels for m in made] == [100, 512, 256, 128, 64]
    assert [m.in_channels for m in judged] == [3, 64, 128, 256, 512]
    assert sum(p.numel() for p in model.generator.parameters()) == 3_576_707
    assert abs(made[0].weight.std().item() - 0.02) < 1e-3


def test_the_discriminator_projects_on_the_class() -> None:
    model = DCGAN(RGB, latent_dim=4, channels=3, condition="label")
    u, y = torch.randn(6, 3, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    one, other = model.judge(u, y), model.judge(u, (y + 1) % 3)
    h = model.discriminator.body(u).sum((2, 3))
    weight = model.discriminator.classes.weight
    expected = ((embedding(y, weight) - embedding((y + 1) % 3, weight)) * h).sum(1)
    assert torch.allclose(one - other, expected, atol=1e-6)


def test_the_class_changes_the_sample() -> None:
    model = next(case for case in CATALOGUE if case.name == "conditional-dcgan-rgb").model()
    one, other = (model.sample(4, torch.full((4,), y), generator=seeded()) for y in (0, 1))
    assert not torch.equal(one, other)


def test_spectral_norm_leaves_no_weight_with_a_larger_singular_value_than_one() -> None:
    model = DCGAN(RGB, channels=4, spectral_norm=True, condition="label")
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.discriminator.modules())
    for _ in range(50):
        model.judge(torch.randn(2, 3, 8, 8), torch.tensor([0, 1]))
    model.eval()
    for module in model.discriminator.modules():
        if isinstance(module, nn.Conv2d | nn.Embedding):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1.0, rel=0.02)


GAMES = [case for case in CATALOGUE if case.objective().__class__ is Adversarial]


@pytest.mark.parametrize("case", GAMES, ids=lambda case: case.name)
def test_a_player_s_loss_gives_gradients_to_all_of_its_weights_and_to_no_other(case: Case) -> None:
    model, game, batch = case.model(), case.objective(), case.batch(6)
    game.prepare(model)
    parts = {name: dict(getattr(model, name).named_parameters()) for name in ("generator", "discriminator")}
    for player in game.players:
        for name, part in parts.items():
            for parameter in part.values():
                parameter.requires_grad, parameter.grad = name == player.name, None
        moves = game.moves(model, batch, step=0)
        assert moves["fake"].requires_grad == (player.name == "generator")
        loss = game.loss(player.name, model, batch, moves, step=0)
        loss.value.backward()
        assert loss.value.dtype == torch.float32
        assert all(not term.requires_grad for term in loss.terms.values())
        for name, part in parts.items():
            for key, parameter in part.items():
                assert (parameter.grad is not None) == (name == player.name), key


@pytest.mark.parametrize("case", GAMES, ids=lambda case: case.name)
def test_sampling_moves_no_running_statistics(case: Case) -> None:
    model = case.model()
    before = {name: value.clone() for name, value in model.named_buffers()}
    model.sample(4, condition(model, case.batch(4)), generator=seeded())
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_coordinates_of_levels_are_inverse(levels: int) -> None:
    model = GAN(DataSpec((1, 1, levels), levels), hidden=[4])
    x = torch.arange(levels, dtype=torch.uint8).view(1, 1, 1, levels)
    u = model.to_network(x)
    assert (u.min(), u.max()) == (-1, 1)
    assert torch.equal(model.to_data(u), x)


def test_vectors_are_standardised_by_the_first_batch() -> None:
    model, game = GAN(PLANE, hidden=[4]), Adversarial()
    x = torch.randn(1000, 2, generator=seeded()) * torch.tensor([3.0, 0.1]) + 7
    game.moves(model, Batch(x), step=0)
    game.moves(model, Batch(x + 100), step=1)
    u = model.to_network(x)
    assert u.mean(0).abs().max() < 1e-4
    assert torch.allclose(u.std(0, correction=0), torch.ones(2), atol=1e-4)
    assert torch.allclose(model.to_data(u), x, atol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DCGAN(PLANE), "this data has vectors; it fits data=.*digits"),
        (
            lambda: DCGAN(DataSpec((1, 9, 9), 2)),
            "a size that doubling reaches, this data has another; it fits data=",
        ),
        (lambda: DCGAN(DataSpec((1, 8, 8), 2, layout="paired")), "this data has pairs; it fits data="),
        (lambda: GAN(DataSpec((1, 8, 8), 2, layout="unpaired")), "this data has two unpaired domains; it fits data="),
        (lambda: DCGAN(DataSpec((1, 8, 8), 2), condition="label"), "needs labels, this data has none; it fits data="),
        (lambda: DCGAN(LABELLED_PLANE, condition="label"), "this data has vectors; it fits data="),
        (lambda: Adversarial().prepare(EBM(PLANE, hidden=[4])), "EBM is not; it fits model=dcgan, gan"),
        (lambda: Adversarial(loss="wasserstein_gp").prepare(DCGAN(DataSpec((1, 16, 16), 2))), "model.norm=layer"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(build, message) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build()
    assert len(str(caught.value).splitlines()) == 1
