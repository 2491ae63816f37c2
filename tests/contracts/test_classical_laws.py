"""Laws of the classical models: they are distributions, and what scikit-learn and closed forms say they are."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from genlab.data import digits
from genlab.data.spaces import DataSpec, Split
from genlab.errors import ConfigError, TrainingError
from genlab.models import NaiveBayes, gmm, histogram, kde, knn, ppca
from genlab.models.classical.base import Fitted
from genlab.models.classical.cells import TAIL_WIDTH
from genlab.models.classical.dequantised_fit import PARTICLES_AT_ONCE
from genlab.models.classical.tables import log_table
from genlab.ops.distances import DIRECT

PLANE = DataSpec((2,), None)
TINY = DataSpec((1, 2, 2), 2, 3)
PAIR = DataSpec((1, 1, 2), 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bent(n: int, seed: int = 0) -> Split:
    """Correlated points with unequal scales, away from the origin."""
    g = seeded(seed)
    t = torch.randn(n, generator=g)
    noise = torch.randn(n, 2, generator=g)
    return Split(torch.stack([1.0 + t + 0.3 * noise[:, 0], -2.0 + 0.5 * t**2 + 0.2 * noise[:, 1]], 1))


def fit(model: Fitted, train: Split, val: Split | None = None, seed: int = 0) -> Fitted:
    model.fit(train, train if val is None else val, generator=seeded(seed))
    return model


def all_pictures(levels: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.cartesian_prod(*[torch.arange(levels)] * math.prod(shape)).to(torch.uint8).view(-1, *shape)


ON_PLANE: dict[str, Callable[[], Fitted]] = {
    "histogram": lambda: histogram(PLANE),
    "histogram-1": lambda: histogram(PLANE, bins=1),
    "kde": lambda: kde(PLANE),
    "kde-isotropic": lambda: kde(PLANE, scaling="none"),
    "gmm-full": lambda: gmm(PLANE, components=4),
    "gmm-diag": lambda: gmm(PLANE, components=4, covariance="diag"),
    "ppca": lambda: ppca(PLANE),
    "knn": lambda: knn(PLANE, k=7),
}


@pytest.fixture(scope="module", params=ON_PLANE)
def plane(request: pytest.FixtureRequest) -> Fitted:
    return fit(ON_PLANE[request.param](), bent(600), bent(300, seed=1))


EDGE = torch.linspace(-7, 9, 201)
MESH = torch.cartesian_prod(EDGE, EDGE)
CELL = 0.08**2


def density(model: Fitted) -> torch.Tensor:
    """The density at `MESH`, ``(201 * 201,) float64``."""
    return torch.cat([model.log_prob(part).double().exp() for part in MESH.split(20_000)])


def test_densities_of_the_plane_integrate_to_one(plane) -> None:
    # a density with edges is off by what half a cell of the mesh holds along them
    assert density(plane).sum().item() * CELL == pytest.approx(1, abs=2e-2)


def test_samples_of_the_plane_follow_the_density(plane) -> None:
    """Means of functions under the samples are those under the density: a transposed factor or a lost scale shows."""
    n, p = 40_000, density(plane)
    x = plane.sample(n, generator=seeded(3))
    for f in (
        lambda x: torch.tanh(x[:, 0] - 1),
        lambda x: torch.tanh(x[:, 1] + 1.5),
        lambda x: torch.tanh((x[:, 1] + 1.5) ** 2),
        lambda x: torch.tanh(x[:, 0] - x[:, 1]),
        lambda x: torch.tanh((x[:, 0] - 1) * (x[:, 1] + 2)),
    ):
        values = f(x).double()
        expected = (p * f(MESH)).sum() / p.sum()
        assert values.mean().item() == pytest.approx(expected.item(), abs=4 * values.std().item() / n**0.5 + 6e-3)


def test_the_same_seed_gives_the_same_fit() -> None:
    train, val = bent(400), bent(100, seed=1)
    for name, build in ON_PLANE.items():
        one, same = (fit(build(), train, val, seed=5).state_dict() for _ in range(2))
        assert all(torch.equal(value, same[key]) for key, value in one.items()), name
    thin, same, other = (fit(kde(PLANE, max_points=50), train, val, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(thin.points, same.points)
    assert not torch.equal(thin.points, other.points)


def test_a_test_point_far_away_has_a_density() -> None:
    for model in (histogram(PLANE), knn(PLANE, k=3)):
        fit(model, bent(300))
        far = model.log_prob(torch.tensor([[60.0, -50.0]]))
        assert -5000 < far.item() < -50


# -- counting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("levels", "bins"), [(2, 2), (3, 3), (3, 2)])
def test_probabilities_of_all_pictures_sum_to_one(levels: int, bins: int) -> None:
    x = torch.randint(levels, (50, 1, 2, 2), generator=seeded(), dtype=torch.uint8)
    model = fit(histogram(DataSpec((1, 2, 2), levels), bins=bins), Split(x))
    assert model.log_prob(all_pictures(levels, (1, 2, 2))).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_naive_bayes_is_a_distribution_for_every_class_and_over_classes() -> None:
    g = seeded()
    x = torch.bernoulli(torch.rand(90, 1, 2, 2, generator=g), generator=g).to(torch.uint8)
    model = fit(NaiveBayes(TINY), Split(x, torch.randint(3, (90,), generator=g)))
    pictures = all_pictures(2, (1, 2, 2))
    for label in range(3):
        total = model.log_prob(pictures, torch.full((16,), label)).exp().sum().item()
        assert total == pytest.approx(1, abs=1e-5)
    assert torch.allclose(model.class_log_probs(pictures).exp().sum(1), torch.ones(16), atol=1e-5)


def test_naive_bayes_follows_bayes_rule_with_unequal_classes() -> None:
    x = torch.zeros(100, 1, 2, 2, dtype=torch.uint8)  # says nothing: the prior decides
    y = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    model = fit(NaiveBayes(TINY, bins=1), Split(x, y))
    expected = torch.tensor([71.0, 21.0, 11.0]) / 103
    assert torch.allclose(model.class_log_probs(x[:1]).exp()[0], expected, atol=1e-5)


def test_naive_bayes_tells_digits_apart_and_draws_the_class_it_is_asked_for() -> None:
    data = digits()
    model = fit(NaiveBayes(data.spec), data.train, data.val)
    right = (model.class_log_probs(data.test.x).argmax(1) == data.test.y).double().mean().item()
    assert right > 0.85
    y = torch.arange(200) % 10
    drawn = model.sample(200, y, generator=seeded())
    assert (model.class_log_probs(drawn).argmax(1) == y).double().mean() > 0.9


def test_one_bin_is_uniform_and_all_bins_count() -> None:
    x = torch.randint(256, (40, 1, 3, 3), generator=seeded(), dtype=torch.uint8)
    uniform = fit(histogram(DataSpec((1, 3, 3), 256), bins=1), Split(x))
    assert torch.allclose(uniform.log_prob(x), torch.full((40,), -9 * math.log(256)))
    counted = fit(histogram(DataSpec((1, 3, 3), 256), bins=256, smoothing=0.5), Split(x))
    n = (x[:, 0, 1, 2] == x[0, 0, 1, 2]).sum().item()
    assert counted.log_table[0, 5, int(x[0, 0, 1, 2])].exp().item() == pytest.approx((n + 0.5) / (40 + 128), rel=1e-5)


def test_bins_of_unequal_width_share_their_count() -> None:
    counts = torch.tensor([3.0, 1.0, 0.0, 4.0, 2.0])  # 5 levels, 2 bins: floor(2 l / 5) is 0 0 0 1 1
    p = log_table(counts, bins=2, smoothing=1.0).exp()
    assert torch.allclose(p, torch.tensor([5 / 36, 5 / 36, 5 / 36, 7 / 24, 7 / 24]))


def test_bins_and_smoothing_are_the_best_of_those_tried() -> None:
    g = seeded()
    x = (torch.rand(400, 1, 2, 2, generator=g) ** 2 * 16).to(torch.uint8)
    train, val, spec = Split(x[:200]), Split(x[200:]), DataSpec((1, 2, 2), 16)
    best = fit(histogram(spec), train, val).log_prob(val.x).mean()
    for bins, smoothing in itertools.product((1, 4, 16), (0.01, 1.0, 10.0)):
        assert fit(histogram(spec, bins=bins, smoothing=smoothing), train, val).log_prob(val.x).mean() <= best + 1e-5


def test_a_grid_histogram_counts_its_cells() -> None:
    train = bent(500)
    model = fit(histogram(PLANE, bins=6, smoothing=0.5), train)
    low, high = model.box
    assert torch.allclose(low, train.x.min(0).values - 0.01 * (train.x.max(0).values - train.x.min(0).values))
    centre = low + torch.tensor([3.5, 0.5]) / 6 * (high - low)
    inside = ((train.x - centre).abs() < (high - low) / 12).all(1).sum().item()
    assert inside > 0
    density = (inside + 0.5) / (500 + 18) / ((high - low) / 6).prod()
    tail = torch.distributions.Normal(train.x.mean(0), TAIL_WIDTH * train.x.std(0, correction=0))
    expected = (1 - 1 / 501) * density + 1 / 501 * tail.log_prob(centre).sum().exp()
    assert model.log_prob(centre[None]).exp().item() == pytest.approx(expected.item(), rel=1e-4)


# -- densities of reals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, DIRECT + 3])
@pytest.mark.parametrize("scaling", ["none", "std"])
def test_kde_is_that_of_scikit_learn(dim: int, scaling: str) -> None:
    stretch = torch.linspace(0.5, 3, dim)
    x, test = (7 + stretch * torch.randn(n, dim, generator=seeded(n)) for n in (300, 40))
    model = fit(kde(DataSpec((dim,), None), bandwidth=0.4, scaling=scaling), Split(x))
    scale = x.double().std(0, correction=0) if scaling == "std" else torch.ones(dim, dtype=torch.float64)
    oracle = KernelDensity(bandwidth=0.4, leaf_size=300)  # one leaf: its tree is less exact
    oracle.fit((x / scale).numpy())
    expected = oracle.score_samples((test / scale).numpy()) - scale.log().sum().item()
    np.testing.assert_allclose(model.log_prob(test).numpy(), expected, rtol=1e-4, atol=1e-3)


def test_the_bandwidth_is_the_best_for_the_held_out_points() -> None:
    train, val = bent(400), bent(300, seed=1)
    model = fit(kde(PLANE), train, val)
    h = model.bandwidth.item()
    best = model.log_prob(val.x).mean()
    for factor in (0.5, 0.8, 1.25, 2.0):
        assert fit(kde(PLANE, bandwidth=h * factor), train).log_prob(val.x).mean() < best


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_gmm_scores_as_scikit_learn_does(covariance: str) -> None:
    train = bent(500)
    model = fit(gmm(PLANE, components=3, covariance=covariance), train)
    oracle = GaussianMixture(3, covariance_type=covariance)
    oracle.weights_, oracle.means_ = model.weights.double().numpy(), model.means.double().numpy()
    oracle.precisions_cholesky_ = model.factors.double().numpy()
    expected = oracle.score_samples(train.x.double().numpy())
    np.testing.assert_allclose(model.log_prob(train.x).numpy(), expected, rtol=1e-4, atol=1e-4)
    assert model.log_prob(train.x).mean() > fit(gmm(PLANE, components=1), train).log_prob(train.x).mean()


def correlated(n: int, dim: int = 5) -> Split:
    w = torch.randn(dim, 2, generator=seeded(1)) * torch.tensor([3.0, 1.5])
    g = seeded(n)
    return Split(4 + torch.randn(n, 2, generator=g) @ w.T + 0.5 * torch.randn(n, dim, generator=g))


def test_ppca_is_the_normal_distribution_of_its_covariance_at_the_maximum_of_the_likelihood() -> None:
    train = correlated(800)
    model = fit(ppca(DataSpec((5,), None), latent_dim=2), train)

    def mean_log_prob(mean: torch.Tensor, w: torch.Tensor, variance: torch.Tensor) -> float:
        covariance = (w @ w.T + variance * torch.eye(5)).double().numpy()
        return multivariate_normal(mean.double().numpy(), covariance).logpdf(train.x.double().numpy()).mean()

    mean, w, variance = model.mean, model.loadings, model.noise_variance
    best = mean_log_prob(mean, w, variance)
    assert model.log_prob(train.x).mean().item() == pytest.approx(best, abs=1e-4)
    for seed in range(5):
        step = 0.03 * torch.randn(5, 2, generator=seeded(seed))
        assert mean_log_prob(mean, w + step, variance) < best
        assert mean_log_prob(mean + step[:, 0], w, variance) < best
    for factor in (0.9, 1.1):
        assert mean_log_prob(mean, w, variance * factor) < best
        assert mean_log_prob(mean, w * factor, variance) < best


def test_ppca_chooses_the_latent_dimension_by_the_held_out_likelihood() -> None:
    train, val, spec = correlated(300), correlated(200), DataSpec((5,), None)
    scores = [fit(ppca(spec, latent_dim=q), train).log_prob(val.x).mean().item() for q in (1, 2, 3, 4)]
    chosen = fit(ppca(spec), train, val)
    assert chosen.latent_dim == scores.index(max(scores)) + 1 == 2


def test_ppca_encodes_to_the_posterior_mean_and_its_samples_have_its_covariance() -> None:
    model = fit(ppca(DataSpec((5,), None), latent_dim=2), correlated(800))
    x, w, variance = correlated(20).x, model.loadings, model.noise_variance
    posterior = torch.linalg.solve(w.T @ w + variance * torch.eye(2), w.T @ (x - model.mean).T).T
    assert torch.allclose(model.encode(x), posterior, atol=1e-4)
    drawn = model.sample(50_000, generator=seeded()).double()
    expected = (w @ w.T + variance * torch.eye(5)).double()
    assert torch.allclose(drawn.T.cov(), expected, atol=0.05 * expected.max().item())


def test_ppca_in_many_dimensions_has_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    train = correlated(300, dim=12)
    exact = fit(ppca(DataSpec((12,), None), latent_dim=2), train).log_prob(train.x)
    monkeypatch.setattr(sys.modules["genlab.models.classical.ppca"], "EXACT_DIM", 3)  # a function has its name
    randomised = fit(ppca(DataSpec((12,), None), latent_dim=2), train).log_prob(train.x)
    assert torch.allclose(exact, randomised, atol=1e-3)


# -- dequantisation ----------------------------------------------------------------------------------------------------


def exact_kde(model: Fitted, x: torch.Tensor) -> torch.Tensor:
    """``log P(x) = log int p(x + u) du``: a product kernel's integral over a cube is a product of error functions."""
    density = model.density
    centres = density.mean + density.scale * density.points
    width = density.bandwidth * density.scale
    cdf = torch.special.ndtr
    flat = x.flatten(1)[:, None].double()
    per_dim = cdf((flat + 1 - centres) / width) - cdf((flat - centres) / width)
    return per_dim.prod(-1).mean(1).log()


def dequantised_kde() -> Fitted:
    x = (torch.rand(60, 1, 1, 2, generator=seeded()) ** 2 * 3).to(torch.uint8)
    return fit(kde(PAIR, bandwidth=0.3), Split(x))


def test_a_dequantised_density_is_bounded_by_its_exact_probability_and_tends_to_it() -> None:
    model = dequantised_kde()
    pictures = all_pictures(3, (1, 1, 2))
    exact = exact_kde(model, pictures)
    assert exact.exp().sum().item() < 1  # what is outside the levels belongs to no picture
    bounds = [
        torch.stack([model.log_prob_bound(pictures, k, generator=seeded(seed)) for seed in range(200)]).double()
        for k in (1, 5, 50)
    ]
    elbo = torch.stack([model.elbo(pictures, generator=seeded(seed)) for seed in range(200)]).double()
    assert torch.equal(elbo, bounds[0])
    means = [bound.mean() for bound in bounds]
    assert means[0] + 0.01 < means[1] < means[2] < exact.mean() + 1e-3
    assert torch.allclose(model.log_prob_bound(pictures, 20_000, generator=seeded()).double(), exact, atol=0.02)


def test_particles_in_chunks_are_one_average() -> None:
    model, k = dequantised_kde(), 2 * PARTICLES_AT_ONCE + 3
    x, generator = all_pictures(3, (1, 1, 2)), seeded()
    parts = [model._log_densities(x, n, generator) for n in (PARTICLES_AT_ONCE, PARTICLES_AT_ONCE, 3)]
    expected = torch.cat(parts, 1).logsumexp(1) - math.log(k)
    assert torch.allclose(model.log_prob_bound(x, k, generator=seeded()), expected, atol=1e-5)


def test_the_terms_add_up_to_the_bound_and_one_particle_gains_nothing() -> None:
    model, x = dequantised_kde(), all_pictures(3, (1, 1, 2))
    terms = model.log_prob_bound_terms(x, 30, generator=seeded())
    assert torch.allclose(sum(terms.values()), model.log_prob_bound(x, 30, generator=seeded()))
    assert (terms["dequantisation"] > 0).all()
    assert torch.allclose(model.log_prob_bound_terms(x, 1, generator=seeded())["dequantisation"], torch.zeros(9))


def test_ppca_of_pictures_reconstructs_them_and_draws_what_its_latents_say() -> None:
    data = digits()
    model = fit(ppca(data.spec, latent_dim=40), data.train, data.val)
    x = data.test.x.float()
    again = model.decode(model.encode(data.test.x))
    assert again.shape == x.shape
    assert (again - x).square().mean() < 0.1 * (x - x.mean(0)).square().mean()
    drawn = model.sample(500, generator=seeded()).float()
    expected = model.decode(model.sample_latents(500, generator=seeded()))
    assert (drawn - expected).square().mean() < 0.2 * (drawn - drawn.mean(0)).square().mean()


def test_the_mean_of_ppca_of_pictures_given_a_latent_is_that_of_the_pictures_drawn_from_it() -> None:
    data = digits()
    model = fit(ppca(data.spec, latent_dim=2), data.train, data.val)
    z = torch.tensor([[2.5, -1.0]])
    real = model.density.decode(z) + model.density.noise_variance.sqrt() * torch.randn(20_000, 64, generator=seeded())
    drawn = real.floor().clamp(0, 16).double().view(-1, 1, 8, 8)  # as `sample` makes them
    error = (drawn.std(0) / len(drawn) ** 0.5).clamp_min(1e-3)
    assert (((model.decode(z)[0] - drawn.mean(0)) / error).abs() < 5).all()


def test_each_example_has_noise_of_its_own() -> None:
    model, x = dequantised_kde(), all_pictures(3, (1, 1, 2))
    whole = model.log_prob_bound(x, 5, generator=[seeded(row) for row in range(9)])
    assert torch.allclose(whole[[7, 2]], model.log_prob_bound(x[[7, 2]], 5, generator=[seeded(7), seeded(2)]))


def test_samples_of_a_dequantised_density_have_its_probabilities() -> None:
    model, pictures = dequantised_kde(), all_pictures(3, (1, 1, 2))
    drawn = model.sample(30_000, generator=seeded()).flatten(1).long()
    counts = torch.bincount(3 * drawn[:, 0] + drawn[:, 1], minlength=9) / 30_000
    p = exact_kde(model, pictures).exp().float()
    inner = 4  # the picture (1, 1): no clamped draws
    assert counts[inner].item() == pytest.approx(p[inner].item(), abs=0.01)


# -- neighbours --------------------------------------------------------------------------------------------------------


def test_knn_ranks_by_the_distance_to_the_kth_neighbour() -> None:
    x = torch.randint(17, (80, 1, 4, 4), generator=seeded(), dtype=torch.uint8)
    model = fit(knn(DataSpec((1, 4, 4), 17), k=3), Split(x))
    test = torch.randint(17, (9, 1, 4, 4), generator=seeded(1), dtype=torch.uint8)
    distance = torch.cdist(test.flatten(1).double(), x.flatten(1).double()).sort(1).values[:, 2]
    assert torch.allclose(model.energy(test).double(), 16 * distance.log(), atol=1e-2)
    own = torch.cdist(x.flatten(1).double(), x.flatten(1).double()).sort(1).values[:, 3]
    assert torch.allclose(model.radii.double(), own, atol=1e-2)
    near = torch.cdist(model.sample(50, generator=seeded()).flatten(1).double(), x.flatten(1).double()).min(1).values
    assert (near <= own.max() + 2).all()  # rounding moves 16 pixels by half a level at most: 2 in all
    assert near.max() > 1


def test_more_neighbours_than_there_are_examples_is_the_same_after_loading() -> None:
    x = torch.randint(17, (6, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    spec = DataSpec((1, 4, 4), 17)
    model, again = fit(knn(spec, k=50), Split(x)), knn(spec, k=50)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.energy(x), model.energy(x))
    assert torch.equal(fit(knn(spec, k=5), Split(x)).energy(x), model.energy(x))


def test_a_mixture_that_collapses_says_which_setting_would_help() -> None:
    with pytest.raises(TrainingError, match="larger reg_covar or fewer components"):
        fit(gmm(PLANE, components=20, reg_covar=0.0), Split(torch.randn(20, 2)))


def test_knn_on_the_plane_approaches_the_density() -> None:
    x = torch.randn(4000, 2, generator=seeded())
    model = knn(PLANE)
    told = model.fit(Split(x), Split(torch.randn(500, 2, generator=seeded(1))), generator=seeded())
    assert 10 < told.chosen["k"] <= 100
    test = torch.randn(2000, 2, generator=seeded(2))
    truth = torch.distributions.Normal(0.0, 1.0).log_prob(test).sum(1)
    assert (truth - model.log_prob(test)).mean().item() == pytest.approx(0, abs=0.05)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [histogram, kde, knn, gmm, ppca, NaiveBayes])
def test_data_that_do_not_fit_are_refused(build: Callable[[DataSpec], Fitted]) -> None:
    with pytest.raises(ConfigError, match="it fits data="):
        build(DataSpec((3, 8, 8), 256, layout="paired"))


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="it fits data="):
        NaiveBayes(DataSpec((1, 2, 2), 2))
    with pytest.raises(ConfigError, match="it fits data="):
        NaiveBayes(DataSpec((2,), None, 3))
    with pytest.raises(ConfigError, match=r"model\.bins=9: this data has 2 levels"):
        histogram(TINY, bins=9)
    for build in (histogram, knn):
        with pytest.raises(ConfigError, match=r"three dimensions or fewer .* more dimensions, .* fits data=.*toy2d"):
            build(DataSpec((4,), None))
    with pytest.raises(ConfigError, match=r"two dimensions or more, this data has fewer; it fits data=.*toy2d"):
        ppca(DataSpec((1,), None))
    with pytest.raises(ConfigError, match=r"model\.latent_dim=2: this data has 2 dimensions"):
        ppca(PLANE, latent_dim=2)
    with pytest.raises(ConfigError, match=r"data\.size"):
        NaiveBayes(DataSpec((3, 1024, 1024), 256, 10))


def test_examples_left_out_are_told() -> None:
    told = kde(PLANE, max_points=100).fit(bent(1500), bent(50), generator=seeded())
    assert told.notes == ("kde keeps 100 of 1,500 training examples (model.max_points)",)
    assert kde(PLANE).fit(bent(100), bent(50), generator=seeded()).notes == ()


@pytest.mark.parametrize("limit", [3, 15])
def test_em_takes_no_more_steps_than_it_may(limit: int) -> None:
    chosen = gmm(PLANE, components=5, max_iter=limit).fit(bent(500), bent(100, 1), generator=seeded()).chosen
    assert chosen["em_steps"] <= limit
