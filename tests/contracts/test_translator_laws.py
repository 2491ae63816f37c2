"""CycleGAN and pix2pix: losses by their formulas, the directions, and the numbers that a run ends with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab.data import unpaired_digits
from genlab.data.batches import Batch
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import ConfigError
from genlab.evaluation import translators
from genlab.evaluation.artefacts.draw import draw
from genlab.models import CycleGAN, Pix2Pix
from genlab.models.translating import FullyConvolutional, Translator, TwoWayTranslator
from genlab.objectives import ConditionalAdversarial, CycleConsistency

UNPAIRED = DataSpec((3, 8, 8), 256, 10, "unpaired")
PAIRED = DataSpec((3, 16, 16), 256, layout="paired")
GREY = DataSpec((1, 20, 20), 256, layout="paired")


def cyclegan(spec: DataSpec = UNPAIRED, seed: int = 0) -> CycleGAN:
    torch.manual_seed(seed)
    return CycleGAN(spec, channels=4, blocks=1)


def pix2pix(spec: DataSpec = PAIRED, seed: int = 0) -> Pix2Pix:
    torch.manual_seed(seed)
    return Pix2Pix(spec, channels=4)


def batch(spec: DataSpec, n: int = 5) -> Batch:
    x, x_b = (torch.randint(256, (n, *spec.event_shape), dtype=torch.uint8) for _ in "ab")
    return Batch(x, None, x_b)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Call(nn.Module):
    """A network that is a function."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.zeros(()))  # where a model's device is looked up

    def forward(self, x: Tensor, **rest: object) -> Tensor:
        return self.function(x)


# --- the types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "spec"), [(cyclegan, UNPAIRED), (pix2pix, PAIRED), (pix2pix, GREY)], ids=["cyclegan", "pix2pix", "grey"]
)
def test_pictures_in_pictures_out(build: Callable[..., Translator], spec: DataSpec) -> None:
    model, x = build(spec).eval(), batch(spec).x
    before = torch.get_rng_state()
    y = model.translate(x, generator=seeded())
    assert y.shape == x.shape
    assert y.dtype == torch.uint8
    assert y.min() < y.max()
    assert torch.equal(y, model.translate(x, generator=seeded()))
    assert torch.equal(before, torch.get_rng_state())
    other = build(spec, seed=1).eval()
    assert not torch.equal(y, other.translate(x, generator=seeded()))
    other.load_state_dict(model.state_dict())
    assert torch.equal(y, other.translate(x, generator=seeded()))


def test_a_translation_does_not_depend_on_its_batch() -> None:
    x = batch(UNPAIRED).x
    assert torch.equal(cyclegan().translate(x)[2:3], cyclegan().translate(x[2:3]))
    model, x = pix2pix(), batch(PAIRED).x
    model.generator.dropout = 0.0
    assert (model.translate(x)[2:3].int() - model.translate(x[2:3]).int()).abs().max() <= 1


def test_levels_go_to_the_scale_of_tanh_and_back() -> None:
    levels, model = torch.arange(256, dtype=torch.uint8), cyclegan()
    u = model.to_network(levels)
    assert u[[0, -1]].tolist() == [-1, 1]
    assert torch.equal(model.to_data(u), levels)
    assert torch.equal(model.to_data(u + 0.9 / 255), levels)
    assert model.to_data(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def test_there_and_back_are_different_networks() -> None:
    model, x = cyclegan(), batch(UNPAIRED).x
    model.a_to_b, model.b_to_a = Call(lambda u: -u), Call(lambda u: u)
    assert torch.equal(model.translate(x), 255 - x)
    assert torch.equal(model.translate_back(x), x)


def test_cyclegan_takes_any_size_and_pix2pix_says_that_it_does_not() -> None:
    model = cyclegan()
    assert isinstance(model, FullyConvolutional)
    assert isinstance(model, TwoWayTranslator)
    x = torch.randint(256, (1, 3, 21, 13), dtype=torch.uint8)
    assert model.translate(x).shape == model.translate_back(x).shape == x.shape
    assert not isinstance(pix2pix(), FullyConvolutional | TwoWayTranslator)


@pytest.mark.parametrize(
    ("build", "spec", "message"),
    [
        (CycleGAN, PAIRED, "needs two unpaired domains, this data has pairs; it fits data=unpaired, unpaired_digits"),
        (
            CycleGAN,
            DataSpec((2,), None),
            "this data has one set of examples; it fits data=",
        ),
        (Pix2Pix, UNPAIRED, "needs pairs, this data has two unpaired domains; it fits data=paired"),
        (Pix2Pix, DataSpec((1, 28, 28), 256, 10), "this data has one set of examples; it fits data=paired"),
        (Pix2Pix, DataSpec((3, 7, 7), 256, layout="paired"), r"data\.size=7: a PatchGAN needs at least 8 pixels"),
    ],
)
def test_other_data_are_refused_in_one_sentence(build: type, spec: DataSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(spec, channels=4)


def test_patches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.patch=70 needs pictures of at least 24 pixels"):
        CycleGAN(UNPAIRED, channels=4, patch=70)
    CycleGAN(DataSpec((3, 24, 24), 256, layout="unpaired"), channels=4, patch=70).discriminator_a(
        torch.zeros(1, 3, 24, 24)
    )


# --- the losses --------------------------------------------------------------------------------------------------


def test_the_loss_of_cyclegan_by_its_formula() -> None:
    """With networks whose values are known; every domain has a number of its own, so that none passes for another."""
    model, data = cyclegan(), batch(UNPAIRED)
    model.a_to_b, model.b_to_a = Call(lambda u: 0.5 * u + 0.1), Call(lambda u: 0.25 * u - 0.2)
    model.discriminator_a = Call(lambda u: u.mean((1, 2, 3), keepdim=True) + 0.3)
    model.discriminator_b = Call(lambda u: 2 * u.mean((1, 2, 3), keepdim=True) - 0.4)
    game = CycleConsistency(cycle_weight=7.0, identity_weight=0.3)
    game.prepare(model)
    a, b = (x.double() / 127.5 - 1 for x in (data.x, data.x_b))
    to_b, to_a = (lambda u: 0.5 * u + 0.1), (lambda u: 0.25 * u - 0.2)
    d_a, d_b = (lambda u: u.mean((1, 2, 3)) + 0.3), (lambda u: 2 * u.mean((1, 2, 3)) - 0.4)
    moves = game.moves(model, data, step=0)
    assert torch.allclose(moves["fake_b"].double(), to_b(a), atol=1e-6)
    assert torch.allclose(moves["fake_a"].double(), to_a(b), atol=1e-6)

    expected = (
        ((d_b(to_b(a)) - 1) ** 2).mean()
        + ((d_a(to_a(b)) - 1) ** 2).mean()
        + 7.0 * ((to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean())
        + 7.0 * 0.3 * ((to_a(a) - a).abs().mean() + (to_b(b) - b).abs().mean())
    )
    generators = game.loss("generators", model, data, moves, step=0)
    assert generators.value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert generators.terms["cycle_a"].item() == pytest.approx((to_a(to_b(a)) - a).abs().mean().item(), rel=1e-5)
    assert generators.terms["identity_b"].item() == pytest.approx((to_b(b) - b).abs().mean().item(), rel=1e-5)

    expected = sum(
        ((judge(real) - 1) ** 2).mean() / 2 + (judge(fake) ** 2).mean() / 2
        for judge, real, fake in ((d_a, a, to_a(b)), (d_b, b, to_b(a)))
    )
    discriminators = game.loss("discriminators", model, data, moves, step=0)
    assert discriminators.value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert discriminators.terms["accuracy_fake_a"].item() == pytest.approx((d_a(to_a(b)) <= 0.5).double().mean().item())


def test_a_translation_that_is_undone_costs_no_cycle() -> None:
    model, data = cyclegan(), batch(UNPAIRED)
    model.a_to_b, model.b_to_a = Call(lambda u: 2 * u), Call(lambda u: u / 2)
    game = CycleConsistency(identity_weight=0.0)
    game.prepare(model)
    moves = game.moves(model, data, step=0)
    assert moves.keys() == {"fake_a", "fake_b"}
    terms = game.loss("generators", model, data, moves, step=0).terms
    assert terms.keys() == {"gan_a", "gan_b", "cycle_a", "cycle_b"}
    assert max(terms["cycle_a"].item(), terms["cycle_b"].item()) < 1e-6


def test_the_discriminators_of_cyclegan_see_the_pool() -> None:
    model, game, data = cyclegan(), CycleConsistency(pool_size=5), batch(UNPAIRED)
    game.prepare(model)
    for _ in range(2):
        game.loss("discriminators", model, data, game.moves(model, data, step=0), step=0)
    seen: dict[str, Tensor] = {}
    for name in "ab":
        judge = Call(lambda u, name=name: (seen.__setitem__(name, u), u)[1])
        setattr(model, f"discriminator_{name}", judge)
    fresh = {f"fake_{name}": torch.full((5, 3, 8, 8), 9.0) for name in "ab"}
    torch.manual_seed(1)
    game.loss("discriminators", model, data, fresh, step=0)
    for name in "ab":
        assert 0 < (seen[name] == 9).flatten(1).all(1).sum() < 5
    assert {name for name, _ in game.named_buffers()} == {f"pool_{d}.{b}" for d in "ab" for b in ("pictures", "count")}


def test_the_loss_of_pix2pix_by_its_formula() -> None:
    model, data = pix2pix(), batch(PAIRED)
    model.generator = Call(lambda u: 0.5 * u + 0.1)
    # the condition and the picture count differently: neither passes for the other
    model.discriminator = Call(lambda u: u[:, :3].mean((1, 2, 3)) - 2 * u[:, 3:].mean((1, 2, 3)))
    game = ConditionalAdversarial(l1_weight=11.0)
    game.prepare(model)
    x, y = (each.double() / 127.5 - 1 for each in (data.x, data.x_b))
    fake = 0.5 * x + 0.1
    on_real, on_fake = (x.mean((1, 2, 3)) - 2 * each.mean((1, 2, 3)) for each in (y, fake))
    moves = game.moves(model, data, step=0)
    gan = torch.nn.functional.softplus(-on_fake).mean()
    value = game.loss("generator", model, data, moves, step=0).value
    assert value.item() == pytest.approx((gan + 11 * (y - fake).abs().mean()).item(), rel=1e-5)
    softplus = torch.nn.functional.softplus
    expected = (softplus(-on_real).mean() + softplus(on_fake).mean()) / 2
    loss = game.loss("discriminator", model, data, moves, step=0)
    assert loss.value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss.terms["accuracy_real"].item() == pytest.approx((on_real > 0).double().mean().item())
    assert loss.terms["accuracy_fake"].item() == pytest.approx((on_fake <= 0).double().mean().item())


@pytest.mark.parametrize(
    ("model", "game"),
    [(cyclegan, CycleConsistency), (pix2pix, ConditionalAdversarial)],
    ids=["cyclegan", "pix2pix"],
)
def test_every_parameter_learns_from_its_player_s_loss_and_terms_are_detached(
    model: Callable[[], Translator], game: type
) -> None:
    translator, rules = model(), game()
    rules.prepare(translator)
    data = batch(translator.spec)
    for player in rules.players:
        translator.zero_grad()
        own = {id(p) for name in player.modules for p in translator.get_submodule(name).parameters()}
        moves = rules.moves(translator, data, step=0)
        given = moves if player.moves else {name: value.detach() for name, value in moves.items()}
        loss = rules.loss(player.name, translator, data, given, step=0)
        loss.value.backward()
        assert all(not term.requires_grad for term in loss.terms.values())
        for name, parameter in translator.named_parameters():
            if id(parameter) in own:
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all()
            elif not player.moves:
                assert parameter.grad is None, f"{name} is not {player.name}'s"
    owned = [name for player in rules.players for name in player.modules]
    assert sorted(owned) == sorted(name for name, _ in translator.named_children())


def test_a_game_refuses_a_model_that_does_not_play_it() -> None:
    with pytest.raises(ConfigError, match="it fits model=cyclegan"):
        CycleConsistency().prepare(pix2pix())
    with pytest.raises(ConfigError, match="it fits model=pix2pix"):
        ConditionalAdversarial().prepare(cyclegan())


# --- what a run ends with ----------------------------------------------------------------------------------------


class Known(TwoWayTranslator):
    """Translates by two functions of typed pictures."""

    def __init__(self, spec: DataSpec, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.spec, self.there, self.back = spec, there, back
        self.weight = nn.Parameter(torch.zeros(()))

    def translate(self, x_a: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        return self.there(x_a)

    def translate_back(self, x_b: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        return self.back(x_b)


def tint(x: Tensor) -> Tensor:
    return ((255 - x[:, :1].float()) * torch.tensor([1.0, 0.7, 0.2]).view(3, 1, 1)).round().to(torch.uint8)


def untint(x: Tensor) -> Tensor:
    return (255 - x[:, :1]).expand_as(x).clone()


def test_the_true_translation_keeps_all_classes_that_the_classifier_knows() -> None:
    data = unpaired_digits()
    found = {r.metric: r for r in translators.records(Known(data.spec, tint, untint), data, split="test", seed=0)}
    for way, domain in (("ab", "b"), ("ba", "a")):
        assert found[f"class_agreement_{way}"].value == pytest.approx(found[f"classifier_accuracy_{domain}"].value)
        assert found[f"classifier_accuracy_{domain}"].value > 0.93
        assert found[f"untranslated_{way}"].value < 0.2
        assert found[f"class_agreement_{way}"].n == 300
    one_way = Known(data.spec, tint, lambda x: x)
    found = {r.metric: r for r in translators.records(one_way, data, split="val", seed=0)}
    assert found["class_agreement_ab"].value > 0.9
    assert found["class_agreement_ba"].value == found["untranslated_ba"].value


def pairs(n: int = 12) -> Dataset:
    x = torch.randint(256, (n, *PAIRED.event_shape), generator=seeded(), dtype=torch.uint8)
    part = Split(x, x_b=x // 2)
    return Dataset("pairs", PAIRED, part, part, part)


def test_distances_to_the_truth_and_of_both_baselines() -> None:
    data = pairs()
    model = Known(PAIRED, lambda x: x // 2, tint)
    found = {r.metric: r for r in translators.records(model, data, split="test", seed=0)}
    x, y = data.test.x.double() / 255, data.test.x_b.double() / 255
    assert found["l1"].value == 0
    assert found["l1_identity"].value == pytest.approx((x - y).abs().mean().item(), rel=1e-5)
    assert found["l1_mean"].value == pytest.approx((y - y.mean(0)).abs().mean().item(), rel=1e-4)
    errors = (x - y).abs().flatten(1).mean(1)
    assert found["l1_identity"].standard_error == pytest.approx((errors.std() / 12**0.5).item(), rel=1e-4)
    ratios = -10 * (x - y).square().flatten(1).mean(1).log10()  # of each picture
    assert found["psnr_identity"].value == pytest.approx(ratios.mean().item(), rel=1e-5)
    assert "psnr" not in found  # infinite
    assert ("ssim" in found) == (min(PAIRED.event_shape[1:]) >= 11)


def test_unpaired_pictures_without_labels_have_no_number() -> None:
    part = Split(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), x_b=torch.zeros(4, 3, 8, 8, dtype=torch.uint8))
    spec = DataSpec((3, 8, 8), 256, layout="unpaired")
    data = Dataset("folders", spec, part, part, part)
    assert translators.records(Known(spec, tint, untint), data, split="test", seed=0) == []


def test_grids_show_the_picture_its_translation_and_the_way_back() -> None:
    data = unpaired_digits()
    model = Known(data.spec, tint, lambda x: x // 2)
    seen = draw(model, data, n=8, seed=0)
    assert seen.keys() == {"a_to_b", "b_to_a"}
    a, b = data.test.x[:8], data.test.x_b[:8]
    for name, parts in (("a_to_b", [a, tint(a), tint(a) // 2]), ("b_to_a", [b, b // 2, tint(b // 2)])):
        factor = seen[name].shape[1] // (8 * 9 + 1)
        small = seen[name][::factor, ::factor]
        for row, part in enumerate(parts):
            for column in range(8):
                top, left = row * 9 + 1, column * 9 + 1
                shown = small[top : top + 8, left : left + 8].transpose(2, 0, 1)
                assert np.array_equal(shown, part[column].numpy()), (name, row, column)


def test_grids_of_pairs_show_input_output_and_target() -> None:
    data = pairs()
    model = pix2pix()
    model.generator = Call(lambda u: -u)
    picture = draw(model, data, n=64, seed=0)["translations"]
    rows = picture.shape[0] // (picture.shape[1] // 8)
    assert rows == 6  # all of the twelve, eight and four in a row
    factor = picture.shape[1] // (8 * 17 + 1)
    small = picture[::factor, ::factor].transpose(2, 0, 1)
    first = [small[:, top : top + 16, 1:17] for top in (1, 18, 35)]
    assert np.array_equal(first[0], data.test.x[0].numpy())
    assert np.array_equal(first[1], 255 - data.test.x[0].numpy())
    assert np.array_equal(first[2], data.test.x_b[0].numpy())
