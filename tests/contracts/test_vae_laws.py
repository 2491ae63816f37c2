"""Laws of the variational autoencoder: bounds in order, a linear model against its closed form."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from sklearn.decomposition import PCA

from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models import VAE
from genlab.models.vae.vae import PARTICLES_AT_ONCE, DiagonalNormal, gaussian_kl
from genlab.objectives import ELBO, IWAE

D, L = 6, 2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exact_evidence(model: VAE, x: torch.Tensor) -> torch.Tensor:
    """``log N(x; b, W W^T + sigma^2 I)`` of a VAE whose decoder is ``x = W z + b``, in float64."""
    layer = model.net.decoder[0]
    w, b = layer.weight.detach().double(), layer.bias.detach().double()
    low, high = model.net.likelihood.log_std_bounds
    log_std = low + (high - low) * torch.sigmoid(model.net.likelihood.raw_log_std.detach().double())
    covariance = w @ w.T + torch.exp(2 * log_std) * torch.eye(len(b), dtype=torch.float64)
    return torch.distributions.MultivariateNormal(b, covariance).log_prob(x.double())


def linear_data(n: int) -> torch.Tensor:
    g = seeded(3)
    w = torch.randn(D, L, generator=g) * torch.tensor([2.0, 0.7])
    return torch.randn(n, L, generator=g) @ w.T + 0.5 * torch.randn(n, D, generator=g) + 1.0


def linear_vae(steps: int) -> tuple[VAE, torch.Tensor]:
    torch.manual_seed(0)
    x = linear_data(2000)
    model = VAE(DataSpec((D,), None), latent_dim=L, hidden=[], variance="shared")
    optimiser = torch.optim.Adam(model.parameters(), 2e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    objective = ELBO()
    for step in range(steps):
        optimiser.zero_grad()
        objective(model, Batch(x), step=step).value.backward()
        optimiser.step()
        schedule.step()
    return model, x


@torch.no_grad()
def test_elbo_below_iwae_below_the_exact_evidence_of_a_linear_gaussian_vae() -> None:
    with torch.enable_grad():
        model, x = linear_vae(60)  # half-trained: the posterior is wrong, so the gaps are wide open
    exact = exact_evidence(model, x)
    elbo = model.elbo(x, generator=seeded()).double()
    bounds = [model.log_prob_bound(x, k, generator=seeded(k)).double() for k in (1, 5, 50, 1000)]
    means = [elbo.mean(), *(bound.mean() for bound in bounds)]
    # the one-particle bound is the ELBO with a sampled KL: equal in expectation
    difference = elbo - bounds[0]
    assert abs(difference.mean()) < 4 * difference.std() / len(x) ** 0.5
    for loose, tight in itertools.pairwise(means[1:]):
        assert loose < tight
    assert means[-1] <= exact.mean() + 1e-3
    assert exact.mean() - means[0] > 0.3
    assert exact.mean() - means[-1] < 0.25 * (exact.mean() - means[0])


@torch.no_grad()
def test_bound_with_5000_particles_meets_ppca_in_closed_form() -> None:
    """Trained, the linear VAE is probabilistic PCA (Tipping & Bishop, 1999): bound, evidence and maximum agree."""
    with torch.enable_grad():
        model, x = linear_vae(3000)
    test = linear_data(2500)[2000:]
    exact = exact_evidence(model, test).mean().item()
    bound = model.log_prob_bound(test, 5000, generator=seeded()).double().mean().item()
    assert abs(bound - exact) < 0.01
    ppca = PCA(n_components=L).fit(x.double().numpy())
    maximum = ppca.score(x.double().numpy())
    assert abs(exact_evidence(model, x).mean().item() - maximum) < 0.02


@torch.no_grad()
def test_the_exact_posterior_makes_every_particle_count_exact() -> None:
    """With q(z | x) = p(z | x) all importance weights are equal: one particle gives the evidence, to rounding."""
    model = VAE(DataSpec((D,), None), latent_dim=L, hidden=[], variance="shared")
    decoder, encoder = model.net.decoder[0], model.net.encoder[0]
    w = torch.linalg.qr(torch.randn(D, L, generator=seeded())).Q * torch.tensor([1.5, 0.4])
    decoder.weight.copy_(w)
    decoder.bias.normal_(generator=seeded(1))
    variance = math.exp(2 * -1.5)  # raw 0 is the middle of the bounds -5 and 2
    m = w.T @ w + variance * torch.eye(L)
    inverse = torch.linalg.inv(m)
    encoder.weight.zero_()
    encoder.weight[:L] = inverse @ w.T
    encoder.bias[:L] = -inverse @ w.T @ decoder.bias
    encoder.bias[L:] = torch.log(variance * inverse.diagonal())
    x = linear_data(50)
    exact = exact_evidence(model, x)
    for k in (1, 3):
        assert torch.allclose(model.log_prob_bound(x, k, generator=seeded()).double(), exact, atol=2e-3, rtol=1e-4)


@torch.no_grad()
def test_particles_in_chunks_are_one_average() -> None:
    torch.manual_seed(0)
    model = VAE(DataSpec((D,), None), latent_dim=L, hidden=[8])
    x, k = linear_data(3), 2 * PARTICLES_AT_ONCE + 7
    q = model.net.posterior(x, None)
    generator = seeded()
    weights = torch.cat(
        [model._log_weights(x, None, q, n, generator) for n in (PARTICLES_AT_ONCE, PARTICLES_AT_ONCE, 7)], 1
    )
    expected = weights.double().logsumexp(1) - math.log(k)
    assert torch.allclose(model.log_prob_bound(x, k, generator=seeded()).double(), expected, atol=1e-4)


@torch.no_grad()
def test_density_of_a_plane_vae_integrates_to_one() -> None:
    torch.manual_seed(0)
    model = VAE(DataSpec((2,), None), latent_dim=2, hidden=[16])
    edge = torch.linspace(-8, 8, 161)
    points = torch.cartesian_prod(edge, edge)
    log_prob = model.log_prob_bound(points, 200, generator=seeded()).double()
    assert abs(log_prob.exp().sum().item() * (edge[1] - edge[0]).item() ** 2 - 1) < 0.01


@torch.no_grad()
def test_probabilities_of_all_binary_pictures_sum_to_one() -> None:
    torch.manual_seed(0)
    model = VAE(DataSpec((1, 2, 2), 2), latent_dim=2, hidden=[16])
    pictures = torch.cartesian_prod(*[torch.tensor([0, 1])] * 4).to(torch.uint8).view(16, 1, 2, 2)
    total = model.log_prob_bound(pictures, 4000, generator=seeded()).double().exp().sum()
    assert abs(total.item() - 1) < 0.01


@torch.no_grad()
def test_a_conditional_vae_is_a_distribution_for_every_class() -> None:
    torch.manual_seed(0)
    model = VAE(DataSpec((1, 2, 2), 2, 3), latent_dim=2, hidden=[16], condition="label")
    assert model.prior is not None
    torch.nn.init.normal_(model.prior.weight)
    pictures = torch.cartesian_prod(*[torch.tensor([0, 1])] * 4).to(torch.uint8).view(16, 1, 2, 2)
    totals = []
    with torch.no_grad():
        model.prior.weight *= 0.4
    for label in range(3):
        y = torch.full((16,), label)
        p = model.log_prob_bound(pictures, 4000, y, generator=seeded()).double().exp()
        totals.append(p)
        assert abs(p.sum().item() - 1) < 0.02
    assert not torch.allclose(totals[0], totals[1], atol=0.01), "the label changes nothing"


def test_gaussian_kl_against_torch() -> None:
    g = seeded()
    q, p = (DiagonalNormal(torch.randn(4, 3, generator=g), torch.randn(4, 3, generator=g)) for _ in range(2))

    def distribution(d: DiagonalNormal) -> torch.distributions.Normal:
        return torch.distributions.Normal(d.mean, torch.exp(0.5 * d.log_var))

    expected = torch.distributions.kl_divergence(distribution(q), distribution(p)).sum(-1)
    assert torch.allclose(gaussian_kl(q, p), expected, atol=1e-5)
    standard = DiagonalNormal(torch.zeros(4, 3), torch.zeros(4, 3))
    assert torch.allclose(gaussian_kl(q, None), gaussian_kl(q, standard), atol=1e-6)


def test_beta_and_its_warm_up_weigh_the_kl() -> None:
    torch.manual_seed(0)
    spec = DataSpec((1, 4, 4), 2)
    model, x = VAE(spec, latent_dim=2, hidden=[8]), torch.randint(2, (5, 1, 4, 4), dtype=torch.uint8)
    objective = ELBO(beta=4.0, warmup_steps=10)
    for step, beta in ((0, 0.4), (4, 2.0), (9, 4.0), (100, 4.0)):
        loss = objective(model, Batch(x), step=step)
        expected = loss.terms["reconstruction"] + beta * loss.terms["kl"]
        assert torch.allclose(loss.value, expected)
        assert loss.terms["kl"] > 0


def test_iwae_with_one_particle_is_the_elbo_in_expectation() -> None:
    torch.manual_seed(0)
    model = VAE(DataSpec((D,), None), latent_dim=L, hidden=[8])
    x = linear_data(4).repeat(2000, 1)
    with torch.no_grad():
        one, elbo = (objective(model, Batch(x), step=0).value for objective in (IWAE(num_particles=1), ELBO()))
    assert abs(one - elbo) < 0.05 * abs(elbo)


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (DataSpec((1, 8, 8), 17), {"likelihood": "gaussian"}, "likelihood=gaussian needs real values"),
        (DataSpec((1, 8, 8), 17), {"likelihood": "bernoulli"}, "needs binary values"),
        (DataSpec((2,), None), {"likelihood": "discretised_logistic"}, "needs integer values"),
        (DataSpec((2,), None), {"network": "conv"}, "needs images"),
        (DataSpec((3, 8, 8), 256, None, "unpaired"), {}, "one set of examples"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(spec: DataSpec, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VAE(spec, **settings)


def test_a_conditional_vae_needs_labels() -> None:
    with pytest.raises(ConfigError, match="needs labels"):
        VAE(DataSpec((2,), None), condition="label")
