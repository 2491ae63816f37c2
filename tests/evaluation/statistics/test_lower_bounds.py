"""Lower bounds from samples, where the truth is known."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch

from genlab.data.sources.densities import Density, GaussianMixture
from genlab.data.sources.toy2d import DENSITIES
from genlab.evaluation.artefacts.grids import mesh
from genlab.evaluation.statistics import divergences, lower_bounds
from genlab.evaluation.statistics.divergences import Grid
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.lower_bounds import Fold, Mixture, folds

NAMES = ("tv", "js", "reverse_kl", "kl")
EIGHT, MANY = DENSITIES["eight_gaussians"], DENSITIES["gaussian_mixture"]


def mixture(of: Density, modes: int | None = None, scale: float = 1.0) -> GaussianMixture:
    assert isinstance(of, GaussianMixture)
    return GaussianMixture(of.centres.tolist()[:modes], scale * of.sigma, entropy=0.0, bounds=of.bounds)


MODELS = {
    "six of eight modes": (EIGHT, mixture(EIGHT, 6)),
    "modes of 0.7 sigma": (EIGHT, mixture(EIGHT, scale=0.7)),
    "twenty of 25 small modes": (MANY, mixture(MANY, 20)),
    "small modes of 0.7 sigma": (MANY, mixture(MANY, scale=0.7)),
    "wide modes": (EIGHT, mixture(EIGHT, scale=1.3)),
    "p itself": (EIGHT, EIGHT),
}


@cache
def bounds(model: str, *, n: int = 3000, repetitions: int = 3) -> list[dict[str, Estimate]]:
    p, q = MODELS[model]
    found = []
    for seed in range(repetitions):
        generator = torch.Generator().manual_seed(seed)
        both = folds(p.log_prob, p.sample(n, generator=generator), q.sample(n, generator=generator))
        found.append({name: getattr(lower_bounds, name)(both) for name in NAMES})
    return found


@cache
def truth(model: str) -> dict[str, float]:
    p, q = MODELS[model]
    side, cells = 5.0, 600
    where = mesh((-side, side, -side, side), cells)
    shape = (cells, cells)
    grid = Grid(p.log_prob(where).view(shape), q.log_prob(where).view(shape), (2 * side / cells) ** 2)
    return {name: getattr(divergences, name)(grid) for name in NAMES}


@pytest.mark.parametrize("model", MODELS)
def test_the_truth_is_above_the_bound(model: str) -> None:
    for found in bounds(model):
        for name, (value, error) in found.items():
            assert error > 0
            assert value - 3 * error <= truth(model)[name] + 1e-9, name


@pytest.mark.parametrize(
    ("model", "shares"),
    [
        ("six of eight modes", (0.8, 0.8, 0.75, 0.2)),  # of KL = 4.40, most lies where q has a sample in a million
        ("modes of 0.7 sigma", (0.75, 0.65, 0.65, 0.6)),
        ("twenty of 25 small modes", (0.6, 0.7, 0.5, 0.0)),
        ("small modes of 0.7 sigma", (0.6, 0.4, 0.4, 0.4)),
        ("wide modes", (0.8, 0.65, 0.55, 0.7)),
    ],
)
def test_the_bound_has_a_fair_share_of_the_truth(model: str, shares: tuple[float, ...]) -> None:
    for name, share in zip(NAMES, shares, strict=True):
        mean = sum(found[name].value for found in bounds(model)) / len(bounds(model))
        assert mean > share * truth(model)[name], name


def test_the_bounds_of_missing_modes_are_what_their_probability_tells() -> None:
    """A quarter of p is nowhere in m samples of q: ``KL >= 1/4 log(m / 4 UNSEEN) + 3/4 log 3/4``, about."""
    m = 3000 / 2
    least = 0.25 * math.log(m / 4 / lower_bounds.UNSEEN) + 0.75 * math.log(0.75)
    for found in bounds("six of eight modes"):
        assert found["kl"].value == pytest.approx(least, abs=0.2)
        assert found["tv"].value == pytest.approx(0.25, abs=0.05)


def test_the_error_is_the_spread_of_the_bound_over_samples_to_test_it_on() -> None:
    p, q = MODELS["modes of 0.7 sigma"]
    g = Mixture(q.sample(500, generator=torch.Generator().manual_seed(0)), spread=2.0)
    found: dict[str, list[Estimate]] = {name: [] for name in NAMES}
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        both = []
        for _ in range(2):
            at_p, at_q = p.sample(400, generator=generator), q.sample(400, generator=generator)
            both.append(Fold(p.log_prob(at_p), g.log_prob(at_p), p.log_prob(at_q), g.log_prob(at_q)))
        for name in NAMES:
            found[name].append(getattr(lower_bounds, name)((both[0], both[1])))
    for name, estimates in found.items():
        stated = sum(each.standard_error for each in estimates) / len(estimates)
        seen = torch.tensor([each.value for each in estimates]).std().item()
        assert seen == pytest.approx(stated, rel=0.35), name


def test_the_mixture_is_a_density_and_its_narrow_kernels_know_narrow_modes() -> None:
    few = Mixture(EIGHT.sample(100, generator=torch.Generator().manual_seed(0)), spread=2.0)
    side, cells = 20.0, 500
    inside = few.log_prob(mesh((-side, side, -side, side), cells)).exp().sum().item() * (2 * side / cells) ** 2
    outside = few.weights[0].item() / (1 + (side / few.scale) ** 2 / 2)
    assert inside == pytest.approx(1 - outside, abs=0.01)
    g = Mixture(MANY.sample(1000, generator=torch.Generator().manual_seed(0)), spread=2.8)
    unseen = MANY.sample(1000, generator=torch.Generator().manual_seed(1))
    assert g.log_prob(unseen).mean().item() == pytest.approx(-MANY.entropy, abs=0.5)


def test_a_sample_where_p_is_0_makes_the_reverse_divergence_infinite() -> None:
    board = DENSITIES["checkerboard"]
    inside = board.sample(300, generator=torch.Generator().manual_seed(0))
    both = folds(board.log_prob, inside, torch.cat([inside, torch.tensor([[1.0, 3.0], [9.0, 9.0]])]))
    assert lower_bounds.reverse_kl(both).value == math.inf
    assert lower_bounds.missed(both) == pytest.approx(2 / 302)
    assert math.isfinite(lower_bounds.kl(both).value)


def test_samples_in_one_point_and_samples_far_away_have_finite_bounds() -> None:
    of_p = EIGHT.sample(300, generator=torch.Generator().manual_seed(0))
    for of_q in (torch.zeros(300, 2), 1e6 + of_p):
        both = folds(EIGHT.log_prob, of_p, of_q)
        assert all(math.isfinite(getattr(lower_bounds, name)(both).value) for name in NAMES)
        assert lower_bounds.tv(both).value > 0.9
    with pytest.raises(ValueError, match="at least 100 samples"):
        folds(EIGHT.log_prob, of_p, of_p[:99])
