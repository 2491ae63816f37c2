from __future__ import annotations

import math

import pytest
import torch

from genlab.data import DENSITIES, toy2d
from genlab.data.sources.densities import gauss_legendre
from genlab.errors import ConfigError

SMOOTH = [name for name in DENSITIES if name not in ("checkerboard", "gaussian_mixture", "spirals")]
# From other sources: FFJORD's scales, entropies computed with another program.
PUBLISHED = {
    "two_moons": (2.3938, 2e-4),
    "standard_moons": (1.3162, 2e-4),
    "eight_gaussians": (2.8319, 1e-4),
    "gaussian_mixture": (0.0653, 1e-4),
    "checkerboard": (math.log(32), 1e-12),
    "rings": (2.6232, 1e-4),
    "circles": (3.2681, 1e-4),
    "swiss_roll": (2.6685, 2e-3),
    "spirals": (2.648, 4e-3),
}


def _grid(density, n, pad=0.2):
    """Nodes and cell of the rectangle rule, which converges exponentially for analytic densities."""
    x0, x1, y0, y1 = density.bounds
    px, py = pad * (x1 - x0), pad * (y1 - y0)
    xs = torch.linspace(x0 - px, x1 + px, n, dtype=torch.float64)
    ys = torch.linspace(y0 - py, y1 + py, n, dtype=torch.float64)
    return torch.cartesian_prod(xs, ys), float((xs[1] - xs[0]) * (ys[1] - ys[0]))


def _integrals(density, points, cell):
    log_p = density.log_prob(points)
    p = log_p.exp()
    return float(p.sum() * cell), float(-torch.special.xlogy(p, p).sum() * cell)


@pytest.mark.parametrize("name", [*SMOOTH, "spirals"])
def test_integral_and_entropy_by_quadrature(name):
    density = DENSITIES[name]
    total, entropy = _integrals(density, *_grid(density, 121 if name == "spirals" else 221))
    assert total == pytest.approx(1, abs=1e-6)
    assert entropy == pytest.approx(density.entropy, abs=5e-6)


def test_25_gaussians_by_quadrature():
    # The modes are 40 standard deviations apart: a small grid round each of them.
    density = DENSITIES["gaussian_mixture"]
    offset = torch.linspace(-0.5, 0.5, 41, dtype=torch.float64)
    points = (density.centres[:, None] + torch.cartesian_prod(offset, offset)).reshape(-1, 2)
    total, entropy = _integrals(density, points, 0.025**2)
    assert total == pytest.approx(1, abs=1e-9)
    assert entropy == pytest.approx(density.entropy, abs=1e-6)
    assert entropy == pytest.approx(math.log(25) + math.log(2 * math.pi * math.e * 0.05**2), abs=1e-9)


def test_checkerboard_by_quadrature():
    density = DENSITIES["checkerboard"]
    middle = torch.arange(-5 + 1 / 64, 5, 1 / 32, dtype=torch.float64)
    total, entropy = _integrals(density, torch.cartesian_prod(middle, middle), 1 / 32**2)
    assert total == pytest.approx(1, abs=1e-12)
    assert entropy == pytest.approx(math.log(32), abs=1e-12)
    assert density.entropy == math.log(32)
    x = torch.tensor([[0.5, 0.5], [0.5, 2.5], [-0.5, 0.5], [-0.5, -0.5], [4.5, 0.5], [0.5, -4.5]])
    assert density.log_prob(x).isfinite().tolist() == [True, False, False, True, False, False]


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items())
def test_published_entropies(name, published):
    value, tolerance = published
    assert DENSITIES[name].entropy == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_agree_with_the_entropy(name):
    density = DENSITIES[name]
    x = density.sample(4000 if name == "spirals" else 20_000, generator=torch.Generator().manual_seed(7))
    nll = -density.log_prob(x)
    error = float(nll.std()) / math.sqrt(len(x))
    assert abs(float(nll.mean()) - density.entropy) <= 4 * error + 1e-9
    x0, x1, y0, y1 = density.bounds
    inside = (x[:, 0] > x0) & (x[:, 0] < x1) & (x[:, 1] > y0) & (x[:, 1] < y1)
    assert inside.double().mean() > 0.998


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_fill_the_density_evenly(name):
    # Not only the mean of log p: counts in the four quadrants about the centre must agree with the integral.
    density = DENSITIES[name]
    n = 20_000
    x = density.sample(n, generator=torch.Generator().manual_seed(8)).double()
    if name == "checkerboard":
        side = torch.arange(-4 + 1 / 16, 4, 1 / 8, dtype=torch.float64)
        points, cell = torch.cartesian_prod(side, side), 1 / 64
    else:
        points, cell = _grid(density, 81 if name == "spirals" else 161 if name != "gaussian_mixture" else 561, pad=0.1)
    p = density.log_prob(points).exp() * cell
    # The edges lie between two rows of the grid, where the rectangle rule has its cells' border.
    edge = points.median(0).values + (points[1, 1] - points[0, 1]) / 2
    for sign in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        s = torch.tensor(sign)
        expected = float(p[((points - edge) * s > 0).all(1)].sum())
        found = float(((x - edge) * s > 0).all(1).double().mean())
        assert abs(found - expected) < 4.5 * math.sqrt(max(expected * (1 - expected), 1e-4) / n) + 0.01, sign


@pytest.mark.parametrize("name", DENSITIES)
def test_sample_contract(name):
    density = DENSITIES[name]
    state = torch.get_rng_state()
    a, b, c = (density.sample(100, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert a.shape == (100, 2)
    assert a.dtype == torch.float32
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert density.log_prob(a).shape == (100,)
    assert density.log_prob(a).dtype == torch.float64
    assert density.log_prob(a).isfinite().all()
    assert density.log_prob(a[:0]).shape == (0,)
    assert density.sample(0, generator=torch.Generator()).shape == (0, 2)


@pytest.mark.parametrize("name", [name for name in DENSITIES if name != "checkerboard"])
def test_far_away_is_finite(name):
    x = torch.tensor([[30.0, 0.0], [0.0, -30.0], [100.0, 100.0]])
    log_p = DENSITIES[name].log_prob(x)
    assert log_p.isfinite().all()
    assert (log_p < -300).all()


def test_chunks_do_not_matter():
    density = DENSITIES["two_moons"]
    x = density.sample(3000, generator=torch.Generator().manual_seed(0))
    whole = density.log_prob(x)
    assert torch.allclose(whole, torch.cat([density.log_prob(part) for part in x.split(7)]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["two_moons", "standard_moons", "swiss_roll", "spirals"])
def test_quadrature_along_the_curve_has_converged(name):
    density = DENSITIES[name]
    points, _ = _grid(density, 25, pad=0.05)
    coarse = density.log_prob(points)
    fine = type(density).__new__(type(density))
    fine.__dict__.update({key: value for key, value in density.__dict__.items() if key != "_nodes"})
    if name == "spirals":
        a, w = gauss_legendre(density.TURN * torch.linspace(0, 1, 201, dtype=torch.float64))
        fine.__dict__["_nodes"] = (density._arm(a) / density.SCALE, (w * 2 * a / density.TURN**2).log())
    else:
        fine.panels = 200
    near = coarse > -30
    assert near.sum() > 100
    assert torch.allclose(coarse[near], fine.log_prob(points)[near], rtol=0, atol=1e-7)


def test_spirals_near_and_far_formula_agree():
    density = DENSITIES["spirals"]
    x = density.sample(200, generator=torch.Generator().manual_seed(0)).double() * 1.5
    both = torch.logaddexp(density._far_log_density(x), density._far_log_density(-x)) - math.log(2)
    assert torch.allclose(both, density.log_prob(x), rtol=0, atol=1e-9)


def test_rings_against_quadrature_over_the_angle():
    density = DENSITIES["rings"]
    x = density.sample(50, generator=torch.Generator().manual_seed(0)).double() * 1.1
    angle = torch.linspace(0, 2 * math.pi, 4001, dtype=torch.float64)[:-1]
    circle = torch.stack((angle.cos(), angle.sin()), 1)
    centres = (density.radii[:, None, None] * circle).reshape(-1, 2)
    square = ((x[:, None] - centres) ** 2).sum(-1) / density.sigma**2
    expected = (-square / 2).logsumexp(1) - math.log(len(centres)) - math.log(2 * math.pi * density.sigma**2)
    assert torch.allclose(density.log_prob(x), expected, rtol=0, atol=1e-8)


def test_moons_lie_on_scikit_learns_curves():
    datasets = pytest.importorskip("sklearn.datasets")
    raw, _ = datasets.make_moons(2001, noise=None, random_state=0)
    x = torch.from_numpy(raw * 2 + [-1, -0.2])
    log_p = DENSITIES["two_moons"].log_prob(x)
    # The middle of an arc has the density of a line of length 2 pi R = 4 pi, twice, blurred across.
    middle = log_p[(x[:, 1] - x[:, 1].max()).abs().argmin()]
    assert middle == pytest.approx(-math.log(4 * math.pi) - 0.5 * math.log(2 * math.pi * 0.04), abs=0.05)
    assert log_p.min() > middle - 1
    standard = DENSITIES["standard_moons"].sample(100_000, generator=torch.Generator().manual_seed(0))
    assert standard.mean(0).abs().max() < 0.02
    assert (standard.std(0) - 1).abs().max() < 0.02


def test_toy2d():
    data = toy2d(name="rings", num_train=100, num_val=20, num_test=30, seed=3)
    assert data.name == "toy2d-rings"
    assert data.spec.event_shape == (2,)
    assert data.spec.levels is None
    assert [len(split) for split in (data.train, data.val, data.test)] == [100, 20, 30]
    assert data.train.x.dtype == torch.float32
    assert data.density is DENSITIES["rings"]
    same_size = toy2d(name="rings", num_train=20, num_val=20, num_test=20)
    assert not torch.equal(same_size.val.x, same_size.test.x)
    assert not torch.equal(same_size.val.x, same_size.train.x)
    again = toy2d(name="rings", num_train=150, num_val=20, num_test=30, seed=3)
    assert torch.equal(again.test.x, data.test.x)
    assert not torch.equal(toy2d(name="rings", num_test=30, seed=4).test.x, data.test.x)


def test_toy2d_refuses():
    with pytest.raises(ConfigError, match="did you mean two_moons"):
        toy2d(name="two_moon")
    with pytest.raises(ConfigError, match="num_val"):
        toy2d(num_val=0)
