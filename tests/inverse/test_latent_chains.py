"""Posteriors by latents, where the posterior is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from genlab.bijectors.base import Bijector, Transformed
from genlab.data.spaces import DataSpec
from genlab.distributions.likelihoods import Bernoulli, DiscretisedLogistic
from genlab.distributions.priors import StandardNormal
from genlab.inverse.decoded import latents_of, moments
from genlab.inverse.latent_chains import exactness, fits, latent_hmc, latent_map
from genlab.inverse.observation import Observation, observe, to_unit
from genlab.inverse.operators import Mask
from genlab.models.capabilities import GenerativeModel
from genlab.models.flow.flow import Flow
from genlab.models.flow.idf import IDF
from genlab.models.flow.realnvp import realnvp
from genlab.models.gan.implicit import ImplicitModel
from genlab.models.vae.vae import VAE
from genlab.samplers.hamiltonian import Hamiltonian
from tests.inverse.calibration import EVENT, NOISE, OPERATORS, SAMPLES, Normal, assert_calibrated, calibrated

SPEC = DataSpec(EVENT, None)
LATENT = 3
STD = 0.15


def weights(*shape: int, seed: int = 0) -> Tensor:
    return 0.3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear_vae() -> tuple[VAE, Normal]:
    """``u = W z + b + e``: probabilistic PCA."""
    model = VAE(SPEC, latent_dim=LATENT, hidden=[], network="mlp", variance="shared").eval()
    (layer,) = [m for m in model.net.decoder.modules() if isinstance(m, nn.Linear)]
    with torch.no_grad():
        layer.weight.copy_(weights(16, LATENT))
        layer.bias.copy_(0.5 + weights(16, seed=1))
        low, high = model.net.likelihood.log_std_bounds
        raw = torch.logit((torch.tensor(STD).log() - low) / (high - low))
        model.net.likelihood.raw_log_std.fill_(raw)
    w, b = layer.weight.detach().double(), layer.bias.detach().double()
    return model, Normal(b, w @ w.T + STD**2 * torch.eye(16, dtype=torch.float64))


def linear_generator() -> tuple[ImplicitModel, Normal]:
    """``u = W z + b``, of as many latents as values."""
    layer = nn.Linear(16, 16)
    with torch.no_grad():
        layer.weight.copy_(weights(16, 16))
        layer.bias.copy_(0.5 + weights(16, seed=1))
    made = nn.Sequential(layer, nn.Unflatten(1, EVENT))
    model = ImplicitModel(SPEC, latent_dim=16, generator=made, discriminator=nn.Flatten()).eval()
    w, b = layer.weight.detach().double(), layer.bias.detach().double()
    return model, Normal(b, w @ w.T)


class Affine(Bijector):
    """``z = L^-1 (x - b)``."""

    def __init__(self, root: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.root, self.shift = nn.Parameter(root), nn.Parameter(shift)

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        z = torch.linalg.solve_triangular(self.root, (x.flatten(1) - self.shift).T, upper=False).T
        return Transformed(z, -self.root.diagonal().abs().log().sum().expand(len(x)))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        x = z @ self.root.T + self.shift
        return Transformed(x.view(-1, *EVENT), self.root.diagonal().abs().log().sum().expand(len(z)))


def affine_flow() -> tuple[Flow, Normal]:
    root = weights(16, 16).tril() + 0.2 * torch.eye(16)
    shift = 0.5 + weights(16, seed=1)
    model = Flow(SPEC, bijector=Affine(root, shift), prior=StandardNormal()).eval()
    return model, Normal(shift.double(), (root @ root.T).double())


MODELS: dict[str, Callable[[], tuple[GenerativeModel, Normal]]] = {
    "vae": linear_vae,
    "gan": linear_generator,
    "flow": affine_flow,
}


@pytest.mark.parametrize("operator", ["mask", "gaussian", "box"])
@pytest.mark.parametrize("family", MODELS)
def test_chains_on_latents_draw_from_the_posterior(family: str, operator: str) -> None:
    model, prior = MODELS[family]()
    chain = Hamiltonian(leapfrog=8, burn_in=50, steps=30)
    told: dict[str, Tensor] = {}

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return latent_hmc(
            model, observation, samples=SAMPLES, generator=generator, chain=chain, report=told.__setitem__
        )

    assert_calibrated(calibrated(prior, OPERATORS[operator], draw))
    assert told["acceptance"].mean().item() == pytest.approx(0.75, abs=0.1)


def test_the_corrected_langevin_chain_does_so_too() -> None:
    model, prior = linear_vae()
    chain = Hamiltonian(leapfrog=1, burn_in=200, steps=150)

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return latent_hmc(model, observation, samples=SAMPLES, generator=generator, chain=chain)

    assert_calibrated(calibrated(prior, OPERATORS["mask"], draw))


@pytest.mark.parametrize("operator", ["mask", "bicubic"])
@pytest.mark.parametrize("family", MODELS)
def test_the_likeliest_latents_of_a_normal_posterior_are_its_mean(family: str, operator: str) -> None:
    model, prior = MODELS[family]()
    observation = observe(OPERATORS[operator], prior.draw(5), NOISE, generator=torch.Generator().manual_seed(1))
    found = latent_map(model, observation, samples=3, generator=torch.Generator().manual_seed(2), restarts=2)
    assert torch.equal(found, found[:, :1].expand_as(found)), "a point: what it covers is nothing"
    mean = prior.given(observation).mean.float()
    assert (found[:, 0].flatten(1) - mean).abs().max() < 0.01


def test_the_best_of_restarts_is_kept() -> None:
    """``u = (z^2 - 1)^2 + z / 4``, of which ``z > 0`` and ``z < 0`` give two local optima of unlike heights."""

    class Wells(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return ((z.square() - 1).square() + 0.25 * z).expand(-1, 16).reshape(-1, *EVENT)

    model = ImplicitModel(SPEC, latent_dim=1, generator=Wells(), discriminator=nn.Flatten()).eval()
    observation = Observation(OPERATORS["noise"], torch.full((20, 16), -0.25), NOISE)
    found = latent_map(model, observation, samples=1, generator=torch.Generator().manual_seed(0), restarts=8)
    assert found.max() < -0.2
    once = latent_map(model, observation, samples=1, generator=torch.Generator().manual_seed(0), restarts=1)
    assert once.max() > 0.2


def test_chains_find_both_modes_in_their_proportion() -> None:
    """``|z - 1/2| = 3/2`` is seen: z is -1 or 2, by odds of ``exp(3/2)``."""

    class Folded(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.cat([(z - 0.5).abs(), z.expand(-1, 15)], 1).view(-1, *EVENT)

    model = ImplicitModel(SPEC, latent_dim=1, generator=Folded(), discriminator=nn.Flatten()).eval()
    first = Mask(EVENT, torch.arange(16).view(4, 4) == 0)
    observation = Observation(first, torch.full((1, 1), 1.5), NOISE)
    found = latent_hmc(model, observation, samples=1000, generator=torch.Generator().manual_seed(0))
    share = (found[0, :, 0, 3, 3] < 0).float().mean().item()
    expected = 1 / (1 + math.exp(-1.5))
    assert share == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / 1000))


@pytest.mark.parametrize("likelihood", [Bernoulli, DiscretisedLogistic])
def test_moments_are_those_of_the_likelihood(likelihood: type[Bernoulli | DiscretisedLogistic]) -> None:
    spec = DataSpec((40,), 2 if likelihood is Bernoulli else 17)
    known = likelihood(spec)
    g = torch.Generator().manual_seed(0)
    params = torch.randn(1, known.num_params, 40, generator=g)
    draws = to_unit(known.sample(params.expand(20_000, -1, -1), generator=g), spec)
    found = moments(known, params)
    assert found.variance is not None
    assert (found.mean - draws.mean(0)).abs().max() < 0.02
    assert (found.variance.sqrt() - draws.std(0)).abs().max() < 0.03


def test_a_flow_of_levels_is_decoded_smoothly_within_half_a_level() -> None:
    spec = DataSpec(EVENT, 17)
    model = realnvp(spec, couplings=2, channels=8, blocks=1, scales=1).eval()
    latents = latents_of(model, 6, None)
    z = latents.start(torch.Generator().manual_seed(0)).requires_grad_()
    u = latents.decode(z).mean
    inside = (u > 0) & (u < 1)
    assert ((u - to_unit(model.decode(z), spec)).abs()[inside] <= 0.5 / 16 + 1e-6).all()
    (slope,) = torch.autograd.grad(u.sum(), z)
    assert (slope != 0).all()


@pytest.mark.parametrize("sampler", [latent_hmc, latent_map])
def test_a_condition_goes_with_each_example_and_a_seed_gives_the_same(sampler) -> None:
    spec = DataSpec(EVENT, 17, 2)
    model = VAE(spec, latent_dim=2, hidden=[8], condition="label").eval()
    assert model.prior is not None
    nn.init.constant_(model.prior.weight[:2], 3.0)
    c = torch.tensor([0, 1, 1])
    observation = Observation(OPERATORS["mask"], torch.rand(3, 6, generator=torch.Generator().manual_seed(1)), NOISE)
    options = {"chain": Hamiltonian(leapfrog=3, burn_in=5, steps=5)} if sampler is latent_hmc else {"steps": 20}
    found, again = (
        sampler(model, observation, samples=2, c=c, generator=torch.Generator().manual_seed(0), **options)
        for _ in range(2)
    )
    assert found.shape == (3, 2, *EVENT)
    assert torch.equal(found, again)
    c = torch.tensor([0, 1, 0])
    other = sampler(model, observation, samples=2, c=c, generator=torch.Generator().manual_seed(0), **options)
    assert torch.equal(found[:2], other[:2])
    assert not torch.equal(found[2], other[2])


def test_whole_numbers_are_no_latents_for_a_gradient():
    spec = DataSpec((1, 8, 8), 17)
    seen = Observation(Mask(spec.event_shape, torch.ones(8, 8, dtype=torch.bool)), torch.zeros(1, 64), 0.1)
    assert fits(VAE(spec, latent_dim=2, hidden=[4]), seen)
    assert not fits(IDF(spec), seen)


def test_less_noise_than_chains_can_take_is_not_called_exact():
    model, _ = linear_generator()
    keep = Mask(EVENT, torch.ones(EVENT[-2:], dtype=torch.bool))
    assert exactness(model, Observation(keep, torch.zeros(1, 16), 0.1)) == "asymptotically exact"
    assert exactness(model, Observation(keep, torch.zeros(1, 16), 0.001)) == "approximate"
