"""Divergences between Gaussians in closed form, on a grid and from samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genlab.data.toy2d import DENSITIES
from genlab.evaluation import divergences
from genlab.evaluation.divergences import Grid
from genlab.evaluation.pictures import mesh

SHIFT, SCALE = 1.0, 1.5
KL = math.log(SCALE**2) + (2 + SHIFT**2) / (2 * SCALE**2) - 1
"""``KL(N(0, I) || N((1, 0), 1.5^2 I))`` in two dimensions."""
REVERSE = -math.log(SCALE**2) + (2 * SCALE**2 + SHIFT**2) / 2 - 1


def gaussian(shift: float = 0.0, scale: float = 1.0) -> Callable[[Tensor], Tensor]:
    mean = torch.tensor([shift, 0.0], dtype=torch.float64)
    return lambda x: -(x.double() - mean).square().sum(1) / (2 * scale**2) - math.log(2 * math.pi * scale**2)


def grid(p: Callable[[Tensor], Tensor], q: Callable[[Tensor], Tensor], side: float = 12.0, cells: int = 200) -> Grid:
    where = mesh((-side, side, -side, side), cells)
    shape = (cells, cells)
    return Grid(p(where).view(shape), q(where).view(shape), (2 * side / cells) ** 2)


def normal(n: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> Tensor:
    x = scale * torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x + torch.tensor([shift, 0.0])


def test_divergences_of_gaussians_on_a_grid() -> None:
    found = grid(gaussian(), gaussian(SHIFT, SCALE))
    assert found.mass == pytest.approx(1, abs=1e-6)
    assert divergences.kl(found) == pytest.approx(KL, rel=1e-6)
    assert divergences.reverse_kl(found) == pytest.approx(REVERSE, rel=1e-6)
    shifted = grid(gaussian(), gaussian(SHIFT))
    half = torch.special.erf(torch.tensor(SHIFT / 2 / math.sqrt(2))).item()
    assert divergences.tv(shifted) == pytest.approx(half, rel=1e-3)  # 2 Phi(d / 2) - 1; a kink on the way
    u = mesh((-12, 13, -8, 8), 400)[:, 0].unique().double()  # along the line only: JS(N(0, 1), N(1, 1))
    p, q = (-((u - m) ** 2) / 2 - math.log(2 * math.pi) / 2 for m in (0.0, SHIFT))
    m = torch.logaddexp(p, q) - math.log(2)
    expected = (p.exp() * (p - m) + q.exp() * (q - m)).sum() / 2 * (u[1] - u[0])
    assert divergences.js(shifted) == pytest.approx(expected.item(), rel=1e-5)


def test_a_density_is_at_0_from_itself_and_disjoint_ones_at_the_top() -> None:
    same = grid(gaussian(), gaussian())
    found = [f(same) for f in (divergences.kl, divergences.reverse_kl, divergences.js, divergences.tv)]
    assert found == pytest.approx([0, 0, 0, 0], abs=1e-12)
    apart = grid(gaussian(-6.0, 0.2), gaussian(6.0, 0.2))
    assert divergences.js(apart) == pytest.approx(math.log(2), rel=1e-4)
    assert divergences.tv(apart) == pytest.approx(1, rel=1e-4)


def test_what_q_has_outside_the_box_is_disjoint_from_p() -> None:
    half = grid(gaussian(), lambda x: gaussian()(x) - math.log(2))  # the other half of q is far away
    assert half.mass == pytest.approx(0.5)
    assert divergences.tv(half) == pytest.approx(0.5)
    inside = (math.log(4 / 3) + 0.5 * math.log(0.5 / 0.75)) / 2
    assert divergences.js(half) == pytest.approx(inside + 0.25 * math.log(2))


def test_a_q_with_too_much_mass_is_divided_by_it() -> None:
    double = grid(gaussian(), lambda x: gaussian(SHIFT)(x) + math.log(2))
    single = grid(gaussian(), gaussian(SHIFT))
    assert divergences.kl(double.at_most_one) == pytest.approx(divergences.kl(single), rel=1e-6)
    assert divergences.tv(double.at_most_one) == pytest.approx(divergences.tv(single), rel=1e-6)
    less = grid(gaussian(), lambda x: gaussian(SHIFT)(x) - 1)
    assert less.at_most_one.mass == pytest.approx(less.mass)


def test_where_q_is_0_and_p_is_not_the_divergence_is_infinite() -> None:
    def cut(edge: float) -> Callable[[Tensor], Tensor]:
        return lambda x: torch.where(x[:, 0] > edge, gaussian()(x), -math.inf)

    assert divergences.kl(grid(gaussian(), cut(0.0))) == math.inf
    assert divergences.reverse_kl(grid(cut(0.0), gaussian())) == math.inf
    assert divergences.kl(grid(cut(0.0), gaussian())) == pytest.approx(0, abs=1e-9)
    assert math.isfinite(divergences.kl(grid(gaussian(), cut(-6.0))))  # a billionth: the end of a table


def test_the_grid_error_bounds_the_error() -> None:
    coarse = grid(gaussian(), gaussian(SHIFT), cells=24)
    found = divergences.with_grid_error(divergences.tv, coarse)
    truth = torch.special.erf(torch.tensor(SHIFT / 2 / math.sqrt(2))).item()
    assert 0 < abs(found.value - truth) < found.standard_error < 0.2
    fine = grid(gaussian(), gaussian(SHIFT))
    assert [each.mass for each in fine.coarser] == pytest.approx([1, 1, 1, 1], abs=1e-6)
    assert divergences.with_grid_error(divergences.kl, fine).standard_error < 1e-4


def test_divergences_from_samples() -> None:
    p, q = gaussian(), gaussian(SHIFT, SCALE)
    of_p, of_q = normal(4000, 0), normal(4000, 1, SHIFT, SCALE)
    few = divergences.by_neighbours(p, of_p, of_q, k=5)
    exact = grid(p, q)
    for found, truth in (
        (divergences.sampled_kl(few), KL),
        (divergences.sampled_reverse_kl(few), REVERSE),
    ):
        assert found.value == pytest.approx(truth, abs=4 * found.standard_error)
    many = divergences.by_neighbours(p, of_p, of_q, k=63)
    assert divergences.sampled_js(many).value == pytest.approx(divergences.js(exact), abs=0.03)
    assert divergences.sampled_tv(many).value == pytest.approx(divergences.tv(exact), abs=0.05)
    itself = divergences.by_neighbours(p, of_p, normal(4000, 2), k=63)
    assert divergences.sampled_js(itself).value == pytest.approx(0, abs=0.02)
    assert divergences.sampled_kl(itself).value == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("scale", [1.0, 1.5])
@pytest.mark.parametrize(("name", "k"), [("kl", 5), ("reverse_kl", 5), ("js", 22), ("tv", 22)])
def test_the_error_of_sampled_divergences_is_their_spread(name: str, k: int, scale: float) -> None:
    """The terms share neighbours: an error as of independent ones is up to three times too small."""
    sampled = getattr(divergences, f"sampled_{name}")
    found = [
        sampled(divergences.by_neighbours(gaussian(), normal(500, i), normal(500, 900 + i, scale=scale), k=k))
        for i in range(40)
    ]
    stated = math.sqrt(sum(each.standard_error**2 for each in found) / len(found))
    assert torch.tensor([each.value for each in found]).std().item() == pytest.approx(stated, rel=0.35)


def test_neighbours_without_a_group_are_those_of_the_others() -> None:
    p, q = normal(90, 0), normal(80, 1)
    found = divergences.by_neighbours(gaussian(), p, q, k=4, groups=10)
    kept = torch.arange(90) % 10 != 3, torch.arange(80) % 10 != 3
    alone = divergences.by_neighbours(gaussian(), p[kept[0]], q[kept[1]], k=4, groups=0)
    assert len(found.without) == 10
    assert all(torch.allclose(a, b) for a, b in zip(found.without[3][:4], alone[:4], strict=True))


def test_a_sample_where_p_is_0_makes_the_reverse_divergence_infinite() -> None:
    board = DENSITIES["checkerboard"]
    inside = board.sample(500, generator=torch.Generator().manual_seed(0))
    outside = torch.tensor([[1.0, 3.0], [9.0, 9.0]])
    found = divergences.by_neighbours(board.log_prob, inside, torch.cat([inside, outside]), k=5)
    assert divergences.sampled_reverse_kl(found).value == math.inf
    assert math.isfinite(divergences.sampled_kl(found).value)


def test_a_sample_is_not_its_own_neighbour() -> None:
    with pytest.raises(ValueError, match="at least 6 samples"):
        divergences.by_neighbours(gaussian(), normal(9, 0), normal(5, 1), k=5)
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    found = divergences.by_neighbours(gaussian(), x[:1], x, k=1)
    radii = torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)
    digamma = torch.special.digamma(torch.tensor(1.0, dtype=torch.float64))
    assert torch.allclose(found.q_at_q, digamma - math.log(2 * math.pi) - 2 * radii.log())
