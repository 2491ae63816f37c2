"""A number that is estimated, and how well.

The bootstrap repeats examples, which a covariance of many dimensions and a nearest neighbour are not indifferent to:
for these there are the jackknife, which leaves examples out, and subsampling.

"The Jackknife Estimate of Variance", B. Efron, C. Stein, 1981, https://doi.org/10.1214/aos/1176345462
"Large Sample Confidence Regions Based on Subsamples under Minimal Assumptions", D. N. Politis, J. P. Romano, 1994,
https://doi.org/10.1214/aos/1176325770
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """A value and its standard error.

    Attributes:
        value: the estimate.
        standard_error: its standard deviation over repetitions, estimated.
    """

    value: float
    standard_error: float


def mean(values: Tensor) -> Estimate:
    """The mean of ``(n,)`` independent values, n > 1; shares are means of 0 and 1."""
    values = values.double()
    return Estimate(values.mean().item(), values.std().item() / math.sqrt(len(values)))


def ratio(totals: Tensor, counts: Tensor) -> tuple[float, float | None, Tensor]:
    """``R = sum t_i / sum u_i`` of n examples, its standard error, and the influence of each.

    By the delta method the error is that of the mean of ``t_i - R u_i``, divided by the mean of ``u_i``; of counts that
    are all alike it is that of a mean.

    Args:
        totals: t, ``(n,)``.
        counts: u, ``(n,)``, not all 0.

    Returns:
        R; its error, None of a single example; what each example adds to its deviation, ``(n,) float64``.
    """
    totals, counts = totals.double(), counts.double()
    value = (totals.sum() / counts.sum()).item()
    residual = totals - value * counts
    n = len(totals)
    error = residual.std().item() * math.sqrt(n) / counts.sum().item() if n > 1 else None
    return value, error, residual / counts.sum()


MOST_INFLUENCES = 10_000
"""Numbers at most that `influence` gives."""


def influence(*samples: Tensor) -> tuple[float, ...]:
    """``(x_i - mean) / n`` for each ``x: (n,)`` of one or more samples whose means add up to an estimate.

    The squares add up to its variance, and the squared differences from those of another estimate of the same examples
    to the variance of the difference, in which what is easy for both cancels. See `gathered`.
    """
    return gathered(torch.cat([(x.double() - x.double().mean()) / len(x) for x in samples]))


def gathered(each: Tensor) -> tuple[float, ...]:
    """Influences ``(n,)`` as a record holds them; of too many examples every so many are added up."""
    each = each.double().cpu()
    if len(each) > MOST_INFLUENCES:
        each = each.new_zeros(MOST_INFLUENCES).index_add_(0, torch.arange(len(each)) % MOST_INFLUENCES, each)
    return tuple(float(f"{value:.6g}") for value in each.tolist())


def resampled(
    statistic: Callable[[Tensor, Tensor], float], sizes: tuple[int, int], *, resamples: int, seed: int
) -> Estimate:
    """A statistic of two samples, its error by the bootstrap: both are drawn again, with replacement, independently.

    The standard deviation of the resampled statistics is kept and not their quantiles: a distance between two samples
    is biased upwards, and the resampled ones are biased twice.

    Args:
        statistic: of the multiplicities ``(n,), (m,) float64`` of the examples, all ones for the samples themselves.
        sizes: ``(n, m)``.
        resamples: how often.
        seed: of the resampling.
    """
    generator = torch.Generator().manual_seed(seed)

    def drawn(size: int) -> Tensor:
        index = torch.randint(size, (size,), generator=generator)
        return torch.bincount(index, minlength=size).double()

    n, m = sizes
    value = statistic(*(torch.ones(size, dtype=torch.float64) for size in sizes))
    again = torch.tensor([statistic(drawn(n), drawn(m)) for _ in range(resamples)], dtype=torch.float64)
    return Estimate(value, again.std().item())


LEAST_SHARE = 0.25
"""The jackknife's correction leaves at least this share of its variance: from few groups it is rough."""


def jackknifed(
    statistic: Callable[[Tensor, Tensor], float], sizes: tuple[int, int], *, groups: int, seed: int
) -> Estimate:
    """A statistic of two samples, its error by leaving out groups of both.

    With G groups and ``t_(-g)`` the statistic without group g,

        v = (G - 1) / G sum_g (t_(-g) - mean)^2 - sum_(g<h) (q_gh - mean q)^2 / (G (G - 1)),
        q_gh = G t - (G - 1) (t_(-g) + t_(-h)) + (G - 2) t_(-g-h).

    The first sum counts what pairs of examples say together twice, which is most of a distance near its minimum; the
    second takes it off (Efron and Stein, 1981, section 5).

    Args:
        statistic: of which examples are kept, ``(n,), (m,) bool``.
        sizes: ``(n, m)``.
        groups: G; the statistic is computed ``1 + G (G + 1) / 2`` times.
        seed: of the groups.
    """
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randperm(size, generator=generator) % groups for size in sizes)

    def without(*out: int) -> float:
        return statistic(~torch.isin(x, torch.tensor(out)), ~torch.isin(y, torch.tensor(out)))

    value = statistic(*(torch.ones(size, dtype=torch.bool) for size in sizes))
    singles = torch.tensor([without(g) for g in range(groups)], dtype=torch.float64)
    pairs = list(combinations(range(groups), 2))
    doubles = torch.tensor([without(g, h) for g, h in pairs], dtype=torch.float64)
    first, second = torch.tensor(pairs).T
    q = groups * value - (groups - 1) * (singles[first] + singles[second]) + (groups - 2) * doubles
    simple = (groups - 1) * singles.var(correction=0).item()
    twice = (q - q.mean()).square().sum().item() / (groups * (groups - 1))
    return Estimate(value, math.sqrt(max(simple - twice, LEAST_SHARE * simple)))


def subsampled(
    statistic: Callable[[Tensor, Tensor], float],
    sizes: tuple[int, int],
    *,
    share: float,
    resamples: int,
    seed: int,
) -> Estimate:
    """A statistic of two samples, its error by the spread over parts of both, drawn without replacement.

    A part of a share c has a statistic with 1 / c times the variance, and 1 - c of this is seen among parts of one
    sample: the error is ``sqrt(c / (1 - c))`` times their standard deviation. It suits statistics of ranks and nearest
    neighbours, whose jumps a jackknife takes for slopes.

    Args:
        statistic: of the positions of the examples that are kept, ``(n',), (m',) int64``.
        sizes: ``(n, m)``.
        share: c.
        resamples: how many parts.
        seed: of the parts.
    """
    generator = torch.Generator().manual_seed(seed)

    def part(size: int) -> Tensor:
        return torch.randperm(size, generator=generator)[: round(share * size)]

    n, m = sizes
    value = statistic(torch.arange(n), torch.arange(m))
    parts = torch.tensor([statistic(part(n), part(m)) for _ in range(resamples)], dtype=torch.float64)
    return Estimate(value, math.sqrt(share / (1 - share)) * parts.std().item())
