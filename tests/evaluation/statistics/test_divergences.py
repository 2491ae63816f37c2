"""Divergences between Gaussians in closed form and on a grid."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genlab.evaluation.artefacts.grids import mesh
from genlab.evaluation.statistics import divergences
from genlab.evaluation.statistics.divergences import Grid

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
