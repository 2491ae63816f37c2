"""The squared maximum mean discrepancy between two samples, unbiased, with its standard error in closed form.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),   x, x' ~ p,  y, y' ~ q

"A Kernel Two-Sample Test", A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schoelkopf, A. Smola, 2012,
https://jmlr.org/papers/v13/gretton12a.html; "Demystifying MMD GANs", M. Binkowski, D. J. Sutherland, M. Arbel,
A. Gretton, 2018, https://arxiv.org/abs/1801.01401 (the polynomial kernel, as in KID)

The estimate is a U-statistic; its variance is that of its Hoeffding projections,

    Var = L + S,   S = 2 v_xx / (n (n - 1)) + 2 v_yy / (m (m - 1)) + 4 v_xy / (n m)

with L of the linear ones, ``2 (E_x' k(x, x') - E_y k(x, y))``, which vanish where p = q, and S of the quadratic ones,
with v the mean square of the doubly centred kernel, which is all there is then. The linear ones are estimated from the
examples' own means, whose noise adds 2 S: so the error is right for a perfect model as for a poor one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate
from genlab.ops.distances import squared_distances

Kernel = Callable[[Tensor, Tensor], Tensor]
"""``(n, D), (m, D) -> (n, m)``."""

ROWS = 1000
"""Rows of a kernel matrix held at once."""

MEDIAN_POINTS = 1000


def gaussian(bandwidth: float) -> Kernel:
    """``k(x, y) = exp(-|x - y|^2 / 2 h^2)``."""
    return lambda x, y: squared_distances(x, y).mul_(-0.5 / bandwidth**2).exp_()


def polynomial(dim: int) -> Kernel:
    """``k(x, y) = (x . y / D + 1)^3``: compares means, covariances and third moments."""
    return lambda x, y: (x @ y.T / dim + 1) ** 3


def median_distance(x: Tensor) -> float:
    """The median distance between two examples of ``x: (n, D)``, of its first `MEDIAN_POINTS`: the usual bandwidth."""
    x = x[:MEDIAN_POINTS].double()
    rows, columns = torch.triu_indices(len(x), len(x), offset=1)
    return squared_distances(x, x)[rows, columns].sqrt().median().item()


class _Sums(NamedTuple):
    """Of a kernel matrix: its rows' sums, its columns' sums, and the sum of its squares."""

    rows: Tensor
    columns: Tensor
    squares: float


def mmd(x: Tensor, y: Tensor, kernel: Kernel) -> Estimate:
    """Unbiased ``MMD^2`` of independent ``x: (n, D)`` and ``y: (m, D)``; below 0 about every other time where p = q.

    Of the same examples twice it is below 0, by ``2 (k(x, x) - E k) / n``: they are not independent.

    Raises:
        ValueError: fewer than two examples on a side.
    """
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise ValueError(f"at least 2 examples on each side, got {n} and {m}")
    x, y = x.double(), y.double()
    xx, yy, xy = _sums(x, x, kernel), _sums(y, y, kernel), _sums(x, y, kernel)
    own = {"x": _without_diagonal(xx, x, kernel), "y": _without_diagonal(yy, y, kernel)}
    value = own["x"].rows.sum() / (n * (n - 1)) + own["y"].rows.sum() / (m * (m - 1)) - 2 * xy.rows.sum() / (n * m)
    linear_x = 2 * (own["x"].rows / (n - 1) - xy.rows / m)
    linear_y = 2 * (own["y"].rows / (m - 1) - xy.columns / n)
    linear = (linear_x.var() / n + linear_y.var() / m).item()  # L + 2 S
    quadratic = 2 * _centred(own["x"], n * (n - 1), n - 1, n - 1) / (n * (n - 1))
    quadratic += 2 * _centred(own["y"], m * (m - 1), m - 1, m - 1) / (m * (m - 1))
    quadratic += 4 * _centred(xy, n * m, m, n) / (n * m)
    return Estimate(value.item(), math.sqrt(max(quadratic, linear - quadratic)))


def _sums(x: Tensor, y: Tensor, kernel: Kernel) -> _Sums:
    rows, columns, squares = [], y.new_zeros(len(y)), 0.0
    for piece in x.split(ROWS):
        k = kernel(piece, y)
        rows.append(k.sum(1))
        columns += k.sum(0)
        squares += k.square().sum().item()
    return _Sums(torch.cat(rows), columns, squares)


def _without_diagonal(sums: _Sums, x: Tensor, kernel: Kernel) -> _Sums:
    """What ``k(x_i, x_i)`` adds, taken away: a U-statistic has no pair of an example and itself."""
    diagonal = torch.cat([kernel(piece, piece).diagonal() for piece in x.split(ROWS // 4)])
    return _Sums(sums.rows - diagonal, sums.columns - diagonal, sums.squares - diagonal.square().sum().item())


def _centred(sums: _Sums, pairs: int, per_row: int, per_column: int) -> float:
    """Mean square of the doubly centred kernel, ``E k^2 - E r(x)^2 - E c(y)^2 + (E k)^2``, at least 0."""
    rows, columns = sums.rows / per_row, sums.columns / per_column
    mean = sums.rows.sum() / pairs
    square = sums.squares / pairs - rows.square().mean() - columns.square().mean() + mean**2
    return max(0.0, square.item())
