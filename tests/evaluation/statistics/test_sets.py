"""Metrics of two sets of examples against closed forms, brute force and hand-made cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from genlab.data.images.binarise import binarise
from genlab.evaluation.statistics import frechet, kernels, manifold, modes, novelty, transport
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.inception_score import inception_score


def normal(n: int, d: int, seed: int, *, shift: float = 0.0, scale: float = 1.0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return shift + scale * torch.randn(n, d, generator=g, dtype=torch.float64)


def covariance(d: int, seed: int) -> Tensor:
    a = normal(d, d, seed)
    return a @ a.T / d


def test_the_frechet_distance_of_two_gaussians() -> None:
    """Diagonal covariances: ``|mu_1 - mu_2|^2 + sum (s_1 - s_2)^2``; general ones: against a general matrix root."""
    s1, s2 = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 1.0, 2.0])
    mean = torch.tensor([1.0, 0.0, -2.0])
    a, b = (frechet.Moments(m.double(), s.double().square().diag()) for m, s in ((mean, s1), (0 * mean, s2)))
    assert frechet.distance(a, b) == pytest.approx(5 + 4 + 1 + 4, abs=1e-9)
    first, second = (frechet.Moments(normal(1, 6, i)[0], covariance(6, i)) for i in (1, 2))
    root = scipy.linalg.sqrtm((first.covariance @ second.covariance).numpy()).real
    expected = (first.mean - second.mean).square().sum() + (first.covariance + second.covariance).trace()
    assert frechet.distance(first, second) == pytest.approx(expected.item() - 2 * np.trace(root), rel=1e-9)
    assert frechet.distance(second, first) == pytest.approx(frechet.distance(first, second), rel=1e-9)


def test_moments_are_those_of_numpy() -> None:
    x = normal(50, 4, 0)
    found = frechet.moments(x)
    assert np.allclose(found.mean, x.numpy().mean(0))
    assert np.allclose(found.covariance, np.cov(x.numpy(), rowvar=False))


def test_a_set_is_at_distance_0_from_itself_within_the_error() -> None:
    x = normal(300, 8, 0)
    for found in (
        frechet.frechet(x, x),
        transport.sliced_wasserstein(x, x, projections=20, seed=0, resamples=5),
    ):
        assert found.value == pytest.approx(0, abs=1e-6)
        assert found.standard_error > 0
    halves = kernels.mmd(x[:150], x[150:], kernels.gaussian(2.0))  # unbiased only where they are independent
    assert abs(halves.value) < 2 * halves.standard_error
    assert [float(f(x, x, k=3).value) for f in (manifold.precision, manifold.recall, manifold.coverage)] == [1, 1, 1]
    assert manifold.density(x, x, k=3).value == pytest.approx(4 / 3)  # the point itself and its three neighbours
    assert novelty.diversity(x, x).value == 1


def spread(found: list[Estimate]) -> float:
    """The standard deviation over repetitions, over the root mean square of what they state."""
    stated = math.sqrt(np.mean([each.standard_error**2 for each in found]))
    return float(np.std([each.value for each in found], ddof=1)) / stated


@pytest.mark.parametrize(
    ("dim", "shift", "n", "repetitions"), [(3, 0.5, 200, 60), (64, 0.0, 500, 80), (64, 0.3, 500, 80)]
)
def test_the_error_of_the_frechet_distance_is_its_spread(dim: int, shift: float, n: int, repetitions: int) -> None:
    """In many dimensions as well, whether the sets differ or not."""
    found = [
        frechet.frechet(normal(n, dim, i), normal(300, dim, 1000 + i, shift=shift), groups=10)
        for i in range(repetitions)
    ]
    assert spread(found) == pytest.approx(1, abs=0.2)


def test_too_few_examples_for_a_covariance_are_refused() -> None:
    with pytest.raises(ValueError, match="8 features need at least 9 examples"):
        frechet.frechet(normal(8, 8, 0), normal(100, 8, 1))


def brute_force_mmd(x: Tensor, y: Tensor, kernel: kernels.Kernel) -> float:
    def mean(a: Tensor, b: Tensor, *, same: bool) -> float:
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (same and i == j)]
        return sum(kernel(a[i : i + 1], b[j : j + 1]).item() for i, j in pairs) / len(pairs)

    return mean(x, x, same=True) + mean(y, y, same=True) - 2 * mean(x, y, same=False)


@pytest.mark.parametrize("kernel", [kernels.gaussian(1.3), kernels.polynomial(3)])
def test_mmd_is_the_sum_over_pairs(kernel: kernels.Kernel) -> None:
    x, y = normal(9, 3, 0), normal(7, 3, 1, shift=1.0)
    assert kernels.mmd(x, y, kernel).value == pytest.approx(brute_force_mmd(x, y, kernel), abs=1e-12)


def test_mmd_does_not_depend_on_how_much_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(90, 3, 0), normal(70, 3, 1)
    whole = kernels.mmd(x, y, kernels.polynomial(3))
    monkeypatch.setattr(kernels, "ROWS", 16)
    assert kernels.mmd(x, y, kernels.polynomial(3)) == pytest.approx(whole, rel=1e-10)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_mmd_is_unbiased_with_the_stated_error(shift: float) -> None:
    """Gaussians in closed form: ``E k = (h^2 / (h^2 + 2))^(d/2) exp(-shift^2 d / 2 (h^2 + 2))``, equal or shifted."""
    d, h = 2, 1.0
    found = [
        kernels.mmd(normal(60, d, i), normal(50, d, 5000 + i, shift=shift), kernels.gaussian(h)) for i in range(400)
    ]
    values = np.array([each.value for each in found])
    same = (h**2 / (h**2 + 2)) ** (d / 2)
    truth = 2 * same * (1 - math.exp(-(shift**2) * d / (2 * (h**2 + 2))))
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / math.sqrt(len(values)))
    variance = np.mean([each.standard_error**2 for each in found])
    assert math.sqrt(variance) == pytest.approx(values.std(), rel=0.2)


def brute_force_prdc(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.array([[np.linalg.norm(p - q) for q in b] for p in a])

    def radii(a: np.ndarray) -> np.ndarray:
        return np.array([np.sort(row)[k] for row in distances(a, a)])  # the 0-th is the point itself

    between = distances(real, fake)
    return {
        "precision": float((between <= radii(real)[:, None]).any(0).mean()),
        "recall": float((between <= radii(fake)[None]).any(1).mean()),
        "density": float((between <= radii(real)[:, None]).sum(0).mean() / k),
        "coverage": float((between.min(1) <= radii(real)).mean()),
    }


@pytest.mark.parametrize("dim", [2, 12])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_density_and_coverage_by_brute_force(k: int, dim: int) -> None:
    real, fake = normal(40, dim, 0), normal(30, dim, 1, shift=0.7, scale=0.8)
    for name, expected in brute_force_prdc(real.numpy(), fake.numpy(), k).items():
        found = getattr(manifold, name)(real, fake, k=k)
        assert found.value == pytest.approx(expected), name


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage"])
def test_the_error_of_overlaps_is_their_spread_over_both_sets(name: str, shift: float) -> None:
    """The balls are drawn anew as well: a mean over one set, the other held fixed, has but a part of the spread."""
    overlap, k = getattr(manifold, name), 3 if name in {"precision", "recall"} else 5
    found = [overlap(normal(300, 8, i), normal(300, 8, 1000 + i, shift=shift), k=k, seed=i) for i in range(40)]
    assert spread(found) == pytest.approx(1, abs=0.33)


def cluster(*centre: float) -> Tensor:
    """Nine points of a lattice of step 0.1 about a centre."""
    steps = torch.tensor([-0.1, 0.0, 0.1], dtype=torch.float64)
    return torch.cartesian_prod(steps, steps) + torch.tensor(centre, dtype=torch.float64)


def test_a_model_that_misses_a_cluster_is_precise_and_recalls_half() -> None:
    real, fake = torch.cat([cluster(0, 0), cluster(9, 9)]), cluster(0.02, 0.01)
    assert manifold.precision(real, fake, k=3).value == 1
    assert manifold.recall(real, fake, k=3).value == 0.5
    assert manifold.coverage(real, fake, k=3).value == 0.5
    assert manifold.precision(fake, real, k=3).value == 0.5  # and the other way round
    assert (
        manifold.density(real, torch.cat([fake, cluster(50, 50)]), k=3).value < manifold.density(real, fake, k=3).value
    )


def test_an_outlier_spoils_precision_but_hardly_density() -> None:
    """Naeem et al., 2020, figure 3: one ball of a real outlier holds all that is generated around it."""
    real = torch.cat([normal(200, 2, 0), torch.tensor([[30.0, 30.0]])])
    fake = normal(200, 2, 1, shift=15.0)
    assert manifold.precision(real, fake, k=5).value > 0.9
    assert manifold.density(real, fake, k=5).value < 0.3


def test_a_ball_needs_more_points_than_neighbours() -> None:
    with pytest.raises(ValueError, match="at least 4 examples"):
        manifold.precision(normal(3, 2, 0), normal(9, 2, 1), k=3)


def test_the_sliced_distance_of_a_shift_and_of_a_scale() -> None:
    x = normal(500, 3, 0)
    shift = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    found = transport.sliced_wasserstein(x, x + shift, projections=4000, seed=0, resamples=2)
    assert found.value == pytest.approx(5 / math.sqrt(3), rel=0.03)  # E (theta . shift)^2 = |shift|^2 / d
    line = x[:, :1]
    found = transport.sliced_wasserstein(line, 2 * line, projections=3, seed=0, resamples=2)
    assert found.value == pytest.approx(line.square().mean().sqrt().item())


def test_modes_of_a_mixture() -> None:
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    samples = torch.tensor([[0.0, 2.9], [0.0, 3.1], [10.0, 0.0], [9.0, 1.0], [50.0, 50.0]])
    found = modes.modes(samples, centres, 1.0)
    assert found.counts.tolist() == [1, 2, 0]
    assert found.covered == 2
    assert found.on_a_mode.value == pytest.approx(3 / 5)
    many = modes.modes(normal(40_000, 2, 0), centres, 1.0).on_a_mode
    assert many.value == pytest.approx(modes.PERFECT, abs=4 * many.standard_error)


def test_the_error_of_mode_coverage_is_that_of_the_bootstrap() -> None:
    centres = torch.tensor([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0], [300.0, 0.0]])
    x = torch.cat([centres[:1].repeat(17, 1), centres[1:2].repeat(2, 1), centres[2:3]])
    found = modes.modes(x, centres, 1.0).coverage
    generator = torch.Generator().manual_seed(0)
    again = [
        modes.modes(x[torch.randint(20, (20,), generator=generator)], centres, 1.0).coverage.value for _ in range(4000)
    ]
    assert found.value == 0.75
    assert found.standard_error == pytest.approx(np.std(again), rel=0.05)


def test_the_nearest_training_example_by_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    train = torch.randint(256, (60, 1, 5, 5), generator=g, dtype=torch.uint8)
    x = torch.cat([train[[41, 7]], torch.randint(256, (10, 1, 5, 5), generator=g, dtype=torch.uint8)])
    monkeypatch.setattr(novelty, "ROWS", 4)
    monkeypatch.setattr(novelty, "chunks", lambda points: 16)
    found = novelty.nearest(x, train)
    distances = torch.cdist(x.flatten(1).double(), train.flatten(1).double())
    assert torch.equal(found.position, distances.argmin(1))
    assert torch.allclose(found.distance, distances.min(1).values)
    assert found.position[:2].tolist() == [41, 7]
    assert found.distance[:2].tolist() == [0, 0]  # a copy is at 0 exactly


def blobs(n: int, seed: int) -> torch.Tensor:
    """``(n, 1, 16, 16) uint8``: black, with three bright spots whose edges are grey."""
    g = torch.Generator().manual_seed(seed)
    at = 2 + 12 * torch.rand(n, 3, 2, generator=g)
    grid = torch.arange(16.0)
    rows, columns = ((grid - at[..., d, None]).square() for d in range(2))
    height = torch.sigmoid(6 - (rows[..., :, None] + columns[..., None, :]) / 2).amax(1)
    return (255 * height).round().to(torch.uint8)[:, None]


@pytest.mark.parametrize(("share", "seed"), [(0.0, 0), (0.5, 1), (1.0, 2)])
def test_fresh_binarisations_of_training_pictures_are_told_from_new_samples(share: float, seed: int) -> None:
    train, g = blobs(600, 0), torch.Generator().manual_seed(seed)
    n = round(400 * share)
    samples = torch.cat([binarise(train[:n], g), binarise(blobs(400 - n, 2), g)])
    to_train = {k: novelty.surprise(x, train) for k, x in (("test", binarise(blobs(500, 1), g)), ("new", samples))}
    found = novelty.closer(to_train["new"].distance, to_train["test"].distance)
    assert found.value == pytest.approx(0.5 + share / 2, abs=3 * found.standard_error + 0.03)
    near = novelty.near_copies(to_train["new"].distance, to_train["test"].distance, seed=0).value
    assert near == pytest.approx(share + (1 - share) * novelty.QUANTILE, abs=0.12)
    assert (to_train["new"].position[:n] == torch.arange(n)).double().mean() > 0.9 or n == 0
    seen = binarise(train, g)
    blind = novelty.near_copies(
        *(novelty.nearest(x, seen).distance for x in (samples, binarise(blobs(500, 1), g))), seed=0
    )
    assert blind.value < 0.4 * share or share == 0, "between draws, even copies pass for new"


def test_the_likeliest_training_picture_by_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    grey = torch.randint(256, (60, 1, 5, 5), generator=g, dtype=torch.uint8)
    x = binarise(grey[:10], g)
    monkeypatch.setattr(novelty, "ROWS", 4)
    monkeypatch.setattr(novelty, "chunks", lambda points: 16)
    found = novelty.surprise(x, grey)
    p = (grey.flatten(1).double() / 255).clamp(0.5 / 255, 1 - 0.5 / 255)
    of = torch.distributions.Bernoulli(p)
    log_p = of.log_prob(x.flatten(1)[:, None].double()).sum(2)
    assert torch.equal(found.position, log_p.argmax(1))
    assert torch.allclose(found.distance, -log_p.max(1).values - of.entropy().sum(1)[found.position], atol=1e-3)


def test_copies_are_told_from_new_samples() -> None:
    train, test, new = normal(500, 2, 0), normal(400, 2, 1), normal(300, 2, 2)
    to_train = {name: novelty.nearest(x, train).distance for name, x in (("test", test), ("new", new))}
    fresh = novelty.closer(to_train["new"], to_train["test"])
    assert fresh.value == pytest.approx(0.5, abs=3 * fresh.standard_error)
    copies = novelty.nearest(train[:300], train).distance
    assert novelty.closer(copies, to_train["test"]).value == 1
    assert novelty.near_copies(copies, to_train["test"], seed=0).value == 1
    again = novelty.near_copies(to_train["new"], to_train["test"], seed=0)
    assert again.value == pytest.approx(novelty.QUANTILE, abs=2 * again.standard_error)
    assert again.standard_error < 0.025
    assert novelty.closer(normal(300, 2, 3, shift=40.0)[:, 0], to_train["test"]).value == 0


def test_the_rank_statistic_counts_pairs_and_halves_ties() -> None:
    a, b = torch.tensor([1.0, 2.0, 2.0, 5.0]), torch.tensor([2.0, 3.0, 0.5])
    pairs = [1.0 if p < q else 0.5 if p == q else 0.0 for p in a.tolist() for q in b.tolist()]
    assert novelty.closer(a, b).value == pytest.approx(sum(pairs) / len(pairs))


def test_the_error_of_the_rank_statistic_is_its_spread() -> None:
    found = [novelty.closer(normal(80, 1, i)[:, 0], normal(60, 1, 900 + i, shift=0.5)[:, 0]) for i in range(300)]
    assert spread(found) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("n", [100, 2000])
def test_the_error_of_near_copies_counts_that_of_the_threshold(n: int) -> None:
    found = [novelty.near_copies(normal(n, 1, i)[:, 0], normal(300, 1, 5000 + i)[:, 0], seed=i) for i in range(100)]
    assert spread(found) == pytest.approx(1, abs=0.2)
    assert np.mean([each.value for each in found]) == pytest.approx(novelty.QUANTILE, abs=0.006)


def test_diversity_is_a_ratio_of_mean_distances() -> None:
    x, y = normal(40, 3, 0), normal(30, 3, 1, scale=2.0)
    mean = {len(part): torch.pdist(part).mean().item() for part in (x, y)}
    assert novelty.diversity(x, y).value == pytest.approx(mean[40] / mean[30])
    assert novelty.diversity(x[:1].repeat(40, 1), y).value == pytest.approx(0, abs=1e-12)


def test_the_inception_score_at_its_ends() -> None:
    certain = 50 * torch.eye(5).repeat(20, 1)
    assert inception_score(certain, splits=2).value == pytest.approx(5)
    assert inception_score(certain[:1].repeat(20, 1), splits=2).value == pytest.approx(1)
    assert inception_score(torch.zeros(20, 5), splits=2).value == pytest.approx(1)
    with pytest.raises(ValueError, match="3 samples cannot be cut into 10 parts"):
        inception_score(torch.zeros(3, 5))
