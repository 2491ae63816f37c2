"""Laws of flows: mass one, the prior and its temperature, integers by their cubes, terms that add up."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from genlab.bijectors import (
    Bijector,
    Chain,
    DiagonalScale,
    Flatten,
)
from genlab.data.spaces import DataSpec, Split
from genlab.distributions.priors import StandardLogistic, StandardNormal
from genlab.errors import ConfigError
from genlab.evaluation import likelihood
from genlab.models import Dequantised, Flow, nice, realnvp
from genlab.models.capabilities import ExactLikelihood, LikelihoodBound
from genlab.models.flow.dequantised import NUMBERS_AT_ONCE
from tests.contracts.catalogue import off_identity, perturbed


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_half_of_the_channels_leave_at_each_scale() -> None:
    bijector = realnvp(DataSpec((1, 16, 16), 256), couplings=1, channels=2).flow.bijector
    assert bijector.shapes == [(2, 8, 8), (4, 4, 4), (4, 4, 4)]
    assert sum(math.prod(shape) for shape in bijector.shapes) == 256
    mnist = realnvp(DataSpec((1, 28, 28), 256), couplings=1, channels=2).flow.bijector
    assert mnist.shapes == [(2, 14, 14), (4, 7, 7), (4, 7, 7)]


def plane_flow(build: Callable[..., Flow]) -> Flow:
    flow = perturbed(lambda: build(DataSpec((2,), None), hidden=[16], couplings=4))
    assert isinstance(flow, Flow)
    return flow


@torch.no_grad()
@pytest.mark.parametrize("build", [realnvp, nice])
def test_the_density_of_a_plane_flow_integrates_to_one_and_its_samples_follow_it(build: Callable[..., Flow]) -> None:
    """On a grid: the mass, and the mean log-density, which the samples' must be too."""
    flow = plane_flow(build)
    samples = flow.decode(flow.sample_latents(20_000, generator=seeded()))
    low, high = samples.min(0).values - 1, samples.max(0).values + 1
    axes = [torch.linspace(a, b, 701, dtype=torch.float64) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    log_prob = torch.cat([flow.log_prob(points) for points in torch.cartesian_prod(*axes).split(20_000)])
    cell = ((high - low) / 700).prod().item()
    assert abs(log_prob.exp().sum().item() * cell - 1) < 2e-3
    expected = (log_prob.exp() * log_prob).sum().item() * cell
    found = flow.log_prob(samples)
    assert abs(found.mean().item() - expected) < 4 * found.std().item() / len(found) ** 0.5


@torch.no_grad()
def test_a_flow_without_layers_is_its_prior() -> None:
    x = torch.randn(50, 3, generator=seeded(), dtype=torch.float64)
    scale = DiagonalScale(3).double()
    scale.log_scale.copy_(torch.tensor([0.5, -1.0, 2.0]))
    std = torch.exp(-scale.log_scale)
    normal = Flow(DataSpec((3,), None), bijector=scale, prior=StandardNormal())
    assert torch.allclose(normal.log_prob(x), torch.distributions.Normal(0.0, std).log_prob(x).sum(1))
    logistic = Flow(DataSpec((3,), None), bijector=scale, prior=StandardLogistic())
    log_density = x / std - std.log() - 2 * nn.functional.softplus(x / std)
    assert torch.allclose(logistic.log_prob(x), log_density.sum(1))
    u = torch.sigmoid(logistic.sample(20_000, generator=seeded()) / std)  # the distribution function: uniform
    assert torch.allclose(u.mean(0), torch.full((3,), 0.5, dtype=u.dtype), atol=0.01)
    assert torch.allclose(u.var(0), torch.full((3,), 1 / 12, dtype=u.dtype), atol=0.003)


@torch.no_grad()
@pytest.mark.parametrize("spec", [DataSpec((2,), None), DataSpec((1, 8, 8), 17)])
def test_temperature_scales_the_latents(spec: DataSpec) -> None:
    model = off_identity(realnvp(spec, channels=4, couplings=2))
    cold, warm = (model.sample_latents(9, temperature=t, generator=seeded()) for t in (0.5, 1.0))
    assert torch.equal(cold, 0.5 * warm)
    samples = model.sample(9, temperature=0.5, generator=seeded())
    assert torch.equal(samples, model.decode(cold).to(samples.dtype))
    assert torch.equal(model.sample(9, generator=seeded()), model.decode(warm).to(samples.dtype))


def test_what_a_flow_claims_depends_on_the_data() -> None:
    for build in (realnvp, nice):
        vectors, pixels = build(DataSpec((2,), None)), build(DataSpec((1, 8, 8), 17))
        assert isinstance(vectors, ExactLikelihood)
        assert not isinstance(vectors, LikelihoodBound)
        assert isinstance(pixels, LikelihoodBound)
        assert not isinstance(pixels, ExactLikelihood)
        with pytest.raises(ConfigError, match="it fits data="):
            build(DataSpec((3, 8, 8), 256, None, "paired"))
        with pytest.raises(ConfigError, match="needs two dimensions or more, this data has fewer"):
            build(DataSpec((1,), None))
    with pytest.raises(ValueError, match="wrap it in Dequantised"):
        Flow(DataSpec((1, 8, 8), 17), bijector=Chain([]), prior=StandardNormal())
    with pytest.raises(ConfigError, match="can be halved 3 times"):
        realnvp(DataSpec((1, 8, 8), 17), scales=4)


class Unit(Bijector):
    """Pictures as vectors, with a parameter so that the model has a device."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.flatten = Flatten(shape)
        self.unused = nn.Parameter(torch.zeros(()))

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None):
        return self.flatten.forward_and_log_det(x)

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None):
        return self.flatten.inverse_and_log_det(z)


@pytest.mark.parametrize("alpha", [1e-6, 0.05])
def test_a_uniform_model_scores_8_bits_per_dimension_by_its_terms(alpha: float) -> None:
    """The logit of a uniform number is logistic: all pictures are alike, and 2 alpha of each pixel's mass is lost."""
    spec = DataSpec((1, 4, 4), 256)
    flow = Flow(DataSpec((1, 4, 4), None), bijector=Unit((1, 4, 4)), prior=StandardLogistic())
    model = Dequantised(spec, flow=flow, alpha=alpha)
    split = Split(torch.randint(256, (37, 1, 4, 4), generator=seeded(), dtype=torch.uint8))
    record = likelihood.nll(model, split, split_name="test", num_particles=5, batch_size=10, seed=0)
    bits = likelihood.bpd(record, model)
    assert bits.value == pytest.approx(8 - math.log2(1 - 2 * alpha), abs=1e-5)
    assert bits.standard_error < 1e-6
    assert record.value == pytest.approx(sum(record.terms.values()), rel=1e-12)
    assert set(record.terms) == {"model", "logit", "levels", "dequantisation"}
    assert record.terms["levels"] == pytest.approx(16 * math.log(256), rel=1e-6)
    assert record.terms["dequantisation"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("batch_size", [3, 20])
def test_the_terms_of_a_bound_add_up_and_do_not_depend_on_the_batch(batch_size: int) -> None:
    torch.manual_seed(0)
    model = off_identity(realnvp(DataSpec((1, 8, 8), 17), channels=4, couplings=1)).eval()
    split = Split(torch.randint(17, (20, 1, 8, 8), generator=seeded(), dtype=torch.uint8))
    one, many = (
        likelihood.nll(model, split, split_name="test", num_particles=k, batch_size=batch_size, seed=0)
        for k in (1, NUMBERS_AT_ONCE // 64 + 5)
    )
    whole = likelihood.nll(model, split, split_name="test", num_particles=1, batch_size=20, seed=0)
    assert one.value == pytest.approx(whole.value, rel=1e-6)
    for record in (one, many):
        assert record.value == pytest.approx(sum(record.terms.values()), rel=1e-12)
    assert one.terms["dequantisation"] == pytest.approx(0, abs=1e-3)
    assert many.terms["dequantisation"] < -0.1
    alone = [model.elbo(split.x, generator=seeded()), model.log_prob_bound(split.x, 1, generator=seeded())]
    assert torch.allclose(*alone, rtol=1e-5)
    elbo = likelihood.elbo(model, split, split_name="test", batch_size=batch_size, seed=0)
    assert elbo.value == pytest.approx(-one.value, rel=1e-6)
    assert elbo.terms == pytest.approx({name: -value for name, value in one.terms.items()}, abs=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("alpha", [1e-4, 0.05])
def test_the_bound_reaches_the_mass_of_the_unit_cube(alpha: float) -> None:
    """Two pixels of three levels: probabilities by quadrature; they add up to the mass inside the data's range."""
    spec = DataSpec((1, 1, 2), 3)
    model = perturbed(lambda: realnvp(spec, couplings=2, channels=4, blocks=1, alpha=alpha))
    pictures = torch.cartesian_prod(torch.arange(3), torch.arange(3)).to(torch.uint8).view(9, 1, 1, 2)
    cells = 60
    u = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    cube = torch.cartesian_prod(u, u).view(-1, 1, 1, 2)
    exact = []
    for picture in pictures:
        y, log_det = model.logit.forward_and_log_det((picture + cube) / 3)
        exact.append((model.flow.log_prob(y) + log_det - 2 * math.log(3)).exp().mean())
    probability = torch.stack(exact)
    terms = model.log_prob_bound_terms(pictures, 2000, generator=[seeded(i) for i in range(9)])
    bound = sum(term.double() for term in terms.values())
    assert torch.allclose(bound.exp(), probability, rtol=0.05, atol=1e-4)
    assert (bound - terms["dequantisation"] < probability.log()).all()  # the mean of one-particle bounds
    z = model.sample_latents(20_000, generator=seeded())
    w = model.logit.inverse_and_log_det(model.flow.decode(z)).value
    inside = ((w >= 0) & (w < 1)).flatten(1).all(1).double().mean().item()
    assert probability.sum().item() == pytest.approx(inside, abs=0.01)
    assert (inside > 0.99) == (alpha < 0.01)


@torch.no_grad()
def test_pictures_survive_encoding_and_decoding_exactly() -> None:
    torch.manual_seed(0)
    x = torch.randint(256, (5, 3, 8, 8), generator=seeded(), dtype=torch.uint8)
    x[0], x[1] = 0, 255
    for build in (realnvp, nice):
        model = off_identity(build(DataSpec((3, 8, 8), 256), couplings=2))
        z = model.encode(x)
        assert z.shape == (5, model.latent_dim) == (5, 192)
        assert torch.equal(model.decode(z), x.float())
