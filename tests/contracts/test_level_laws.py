"""Laws of models with levels of latents: one level is the VAE, many keep the bound and its bill."""

from __future__ import annotations

import itertools

import pytest
import torch

from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models import VAE, LadderVAE
from genlab.models.conditions import condition, context
from genlab.models.levels import LatentLevels, level_slice
from genlab.models.vae.topdown import merged
from genlab.models.vae.vae import DiagonalNormal, as_real
from genlab.objectives import ELBO
from tests.contracts.catalogue import CATALOGUE, Case

CASES = [case for case in CATALOGUE if isinstance(case.model(), LatentLevels)]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def away(model: LatentLevels) -> LatentLevels:
    """Far from initialisation, where posterior and prior nearly agree."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=seeded(5))
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("condition", [None, "label"])
def test_a_ladder_of_one_level_is_the_vae(condition: str | None) -> None:
    torch.manual_seed(0)
    spec = DataSpec((1, 6, 6), 2, 3)
    vae = VAE(spec, latent_dim=3, hidden=[16, 16], condition=condition)
    ladder = LadderVAE(spec, latents=[3], hidden=[16], depth=2, condition=condition)
    theirs, ours = list(vae.parameters()), list(ladder.parameters())
    encoder, decoder = (list(part.parameters()) for part in (vae.net.encoder, vae.net.decoder))
    if condition is not None:
        torch.nn.init.normal_(vae.prior.weight, std=0.3)
        ladder.highest.weight.copy_(vae.prior.weight)
    net = ladder.net
    pairs = [(net.rise, encoder[:-2]), (net.say, encoder[-2:]), (net.fall, decoder[:-2]), (net.last, decoder[-2:])]
    for part, values in pairs:
        for parameter, value in zip(part.parameters(), values, strict=True):
            parameter.copy_(value)
    assert sum(p.numel() for p in theirs) == sum(p.numel() for p in ours)
    x = torch.randint(2, (7, 1, 6, 6), generator=seeded(), dtype=torch.uint8)
    c = None if condition is None else torch.arange(7) % 3
    for k in (1, 60):
        one, other = (model.log_prob_bound(x, k, c, generator=seeded()) for model in (vae, ladder))
        assert torch.allclose(one, other, atol=1e-5)
    one, other = (model.elbo_terms(x, c, generator=seeded()) for model in (vae, ladder))
    assert torch.allclose(one.reconstruction, other.reconstruction, atol=1e-5)
    assert torch.allclose(one.kl, other.kl, atol=1e-5)
    assert torch.allclose(vae.posterior_moments(x, c)[1], ladder.posterior_moments(x, c)[1], atol=1e-5)


@EACH
@torch.no_grad()
def test_the_parts_of_the_bound_add_up_to_it(case: Case) -> None:
    model, batch = away(case.model()), case.batch(6)
    c = condition(model, batch)
    for k in (1, 7, 60):
        parts = model.log_prob_bound_terms(batch.x, k, c, generator=seeded())
        bound = model.log_prob_bound(batch.x, k, c, generator=seeded())
        assert torch.allclose(torch.stack([*parts.values()]).sum(0), bound, atol=1e-3, rtol=1e-5)
        assert [name for name in parts if name.startswith("kl_")] == [
            f"kl_{level}" for level in range(1, len(model.level_dims) + 1)
        ]
        if k > 1:  # minus a divergence from equal weights
            assert (parts["weights"] <= 1e-4).all()


@EACH
@torch.no_grad()
def test_each_level_s_kl_in_closed_form_is_the_sampled_one_on_average(case: Case) -> None:
    model, batch = away(case.model()), case.batch(1)
    x = batch.x.repeat(4000, *[1] * (batch.x.ndim - 1))
    c = condition(model, batch)
    c = None if c is None else c.repeat(4000)
    closed = model.level_terms(x, c, generator=seeded()).kl
    assert (closed > -1e-4).all()
    sampled = model.log_prob_bound_terms(x, 1, c, generator=seeded(1))
    for level, kl in enumerate(closed.unbind(1), start=1):
        other = -sampled[f"kl_{level}"]
        error = (kl.var() + other.var()).sqrt() / len(x) ** 0.5
        assert abs(kl.mean() - other.mean()) < 5 * error + 1e-3


@EACH
@torch.no_grad()
def test_levels_below_follow_and_levels_above_stay(case: Case) -> None:
    """A draw of the lowest level changes x and no prior above it."""
    model, n = away(case.model()), 4
    c = condition(model, case.batch(n))
    z = model.sample_latents(n, c, generator=seeded())
    other = z.clone()
    lowest = level_slice(model, 1)
    other[:, lowest] = model.sample_latents(n, c, generator=seeded(1))[:, lowest]
    assert lowest.start == 0
    assert level_slice(model, len(model.level_dims)).stop == model.latent_dim
    assert not torch.equal(model.decode(z, c), model.decode(other, c))
    assert torch.equal(z[:, lowest.stop :], other[:, lowest.stop :])


@torch.no_grad()
def test_probabilities_of_all_binary_pictures_sum_to_one() -> None:
    torch.manual_seed(0)
    model = away(LadderVAE(DataSpec((1, 2, 2), 2), latents=[2, 2], hidden=[16, 16], depth=1))
    pictures = torch.cartesian_prod(*[torch.tensor([0, 1])] * 4).to(torch.uint8).view(16, 1, 2, 2)
    total = model.log_prob_bound(pictures, 4000, generator=seeded()).double().exp().sum()
    assert abs(total.item() - 1) < 0.01


@torch.no_grad()
def test_draws_are_as_frequent_as_the_bound_says() -> None:
    torch.manual_seed(0)
    model = away(LadderVAE(DataSpec((1, 1, 3), 2), latents=[2, 2], hidden=[16, 16], depth=1))
    pictures = torch.cartesian_prod(*[torch.tensor([0, 1])] * 3).to(torch.uint8).view(8, 1, 1, 3)
    told = model.log_prob_bound(pictures, 20_000, generator=seeded()).double().exp()
    n = 40_000
    drawn = model.sample(n, generator=seeded(1)).flatten(1).long() @ torch.tensor([4, 2, 1])
    seen = drawn.bincount(minlength=8) / n
    assert ((seen - told).abs() < 4 * (told / n).sqrt() + 3e-3).all()


@EACH
@torch.no_grad()
def test_the_codes_of_an_example_lead_to_what_the_posterior_s_means_do(case: Case) -> None:
    """`encode` is in the units of the priors, and `decode` takes it back level by level."""
    model, batch = away(case.model()), case.batch(4)
    c = condition(model, batch)
    given = context(model.given, c)
    _, h = model._posterior_levels(model.bottom_up(as_real(batch.x), given), given, 1, None, noise=False)
    torch.testing.assert_close(model.params_at(model.encode(batch.x, c), given), model.params(h), rtol=1e-3, atol=1e-3)


@EACH
def test_every_number_of_every_network_learns(case: Case) -> None:
    model, batch = away(case.model()), case.batch(16)
    torch.manual_seed(0)
    loss = ELBO()(model, batch, step=0).value + model.log_prob_bound(batch.x, 3, condition(model, batch)).mean()
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        units = parameter.grad.reshape(len(parameter) if parameter.ndim else 1, -1)
        assert (units != 0).any(1).double().mean() > 0.5, f"{name}: many units are of no use"


def test_merged_normals_are_the_product_of_both() -> None:
    a, b = (
        DiagonalNormal(torch.randn(5, generator=seeded(s)), torch.randn(5, generator=seeded(s + 9))) for s in (1, 2)
    )
    found = merged(a, b)
    x = torch.linspace(-3, 3, 7)[:, None]

    def log_prob(d: DiagonalNormal) -> torch.Tensor:
        return torch.distributions.Normal(d.mean, torch.exp(0.5 * d.log_var)).log_prob(x)

    ratio = log_prob(a) + log_prob(b) - log_prob(found)  # the product's normaliser, the same at every x
    assert torch.allclose(ratio, ratio[:1].expand_as(ratio), atol=1e-4)


def test_free_bits_are_what_a_level_has_for_nothing() -> None:
    torch.manual_seed(0)
    model = LadderVAE(DataSpec((1, 4, 4), 2), latents=[2, 2], hidden=[8, 8], depth=1)
    batch = Batch(torch.randint(2, (50, 1, 4, 4), dtype=torch.uint8))
    losses = []
    for free in (0.0, 100.0):
        torch.manual_seed(1)
        losses.append(ELBO(free_bits=free, beta=2.0)(model, batch, step=0))
    plain, free = losses
    assert torch.allclose(plain.value, plain.terms["reconstruction"] + 2 * plain.terms["kl"])
    assert torch.allclose(plain.terms["kl"], plain.terms["kl_1"] + plain.terms["kl_2"])
    assert torch.allclose(free.value, free.terms["reconstruction"] + 2 * 2 * 100.0)
    assert torch.equal(free.terms["kl_1"], plain.terms["kl_1"]), "the log has the KL itself"


@torch.no_grad()
def test_more_levels_than_one_have_priors_of_their_own() -> None:
    torch.manual_seed(0)
    model = LadderVAE(DataSpec((1, 6, 6), 2), latents=[4, 3, 2], hidden=[16, 12, 8])
    assert model.level_dims == (4, 3, 2)
    kl = model.level_terms(torch.zeros(3, 1, 6, 6, dtype=torch.uint8), generator=seeded()).kl
    for one, two in itertools.combinations(range(3), 2):
        assert not torch.allclose(kl[:, one], kl[:, two])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latents": []}, "model.latents: is empty"),
        ({"latents": [3, 2], "hidden": [8]}, "1 widths for 2 levels"),
        ({"network": "conv", "hidden": [8, 8, 8]}, "model.hidden: is of network=mlp"),
    ],
)
def test_levels_that_do_not_fit_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LadderVAE(DataSpec((1, 8, 8), 2), **settings)
