"""Laws of adversarial networks: their sizes, classes, latents, and whose weights a loss moves."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import embedding

from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models import DCGAN, EBM, GAN
from genlab.models.conditions import condition
from genlab.objectives import Adversarial
from tests.contracts.catalogue import CATALOGUE, LABELLED_PLANE, PLANE, RGB, Case
from tests.contracts.test_every_model import seeded


def test_truncation_narrows_the_latents_of_a_sample() -> None:
    model = GAN(PLANE, hidden=[8])
    z = model.sample_latents(50, truncation=0.5, generator=seeded())
    assert z.abs().max() <= 0.5
    narrow = model.sample(50, truncation=0.5, generator=seeded())
    assert torch.equal(narrow, model.decode(z).detach())
    assert narrow.std() < model.sample(50, generator=seeded()).std()


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
