"""Whether samples are as varied as data, and whether they are copies of training data.

Diversity is the mean distance between two samples, relative to that between two test examples.

Memorisation compares distances to the training set: with ``d(x)`` the distance from x to its nearest training example,

    memorisation = P(d(sample) < d(test example)) + P(equal) / 2

is 1/2 for a model that is as far from its training examples as unseen data are, and 1 for one that repeats them. It is
the statistic of the rank test of "A Non-Parametric Test to Detect Data-Copying in Generative Models", C. Meehan,
K. Chaudhuri, S. Dasgupta, 2020, https://arxiv.org/abs/2004.05675. Beside it, the share of samples that are nearer to a
training example than all but one in twenty test examples: a few copies among many new pictures show there first.

Pictures that are binarised afresh for every batch have training examples that are probabilities: two draws of one
picture are as far apart as draws of two alike, and a model that only draws training pictures would pass for new. There
the distance is `surprise`: how many nats worse the likeliest training picture explains a sample than draws of its own.

Distances between pixels are small between smooth pictures: a model that blurs looks like one that copies, and only a
look at the nearest pairs tells them apart. Samples that are far from everything, noise, score 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, resampled
from genlab.ops.distances import chunks, squared_distances

QUANTILE = 0.05
"""A sample counts as a near copy if it is nearer to training data than this share of test examples is."""

RESAMPLES = 200
"""Of the bootstrap of that share."""

PAIR_DISTANCES = 2000
"""Examples at most whose mutual distances are averaged; `diversity` averages those of all that it is given."""

ROWS = 1000
"""Examples against which training examples go at once."""


class Neighbour(NamedTuple):
    """The nearest training examples.

    Attributes:
        distance: ``(n,) float64``, Euclidean; of `surprise` nats, which may be negative.
        position: ``(n,) int64``, where it stands in the training set.
    """

    distance: Tensor
    position: Tensor


def nearest(x: Tensor, train: Tensor) -> Neighbour:
    """The nearest of ``train: (N, ...)`` to each of ``x: (n, ...)``, in pieces that fit in memory.

    The search is in float32; the distances that it ends with are computed anew, so that that of a copy is 0.
    """
    flat, middle = x.flatten(1), train[:ROWS].flatten(1).float().mean(0)
    best = torch.full((len(x),), math.inf)
    index = torch.zeros(len(x), dtype=torch.int64)
    first = 0
    for piece in train.split(chunks(ROWS)):
        others = piece.flatten(1).float() - middle
        for rows in torch.arange(len(x)).split(ROWS):
            square, where = squared_distances(flat[rows].float() - middle, others).min(1)
            closer = square < best[rows]
            best[rows] = torch.where(closer, square, best[rows])
            index[rows] = torch.where(closer, where + first, index[rows])
        first += len(piece)
    difference = torch.cat(
        [
            (a.double() - train[i].flatten(1).double()).norm(dim=1)
            for a, i in zip(flat.split(ROWS), index.split(ROWS), strict=True)
        ]
    )
    return Neighbour(difference, index)


def surprise(x: Tensor, grey: Tensor) -> Neighbour:
    """How far binary ``x: (n, ...)`` are from being draws of the likeliest of ``grey: (N, ...) uint8``.

        d(x) = -log P(x | p_i) - H(p_i),   i = argmax log P(x | p_i),   p = grey / 255

    A draw of ``p_i`` has 0 on average. The entropy H makes pictures of few and of many grey pixels alike. A grey level
    is known to half a step, and so is its probability: none is 0 or 1.
    """
    flat = x.flatten(1).float()
    best = torch.full((len(x),), -math.inf)
    index = torch.zeros(len(x), dtype=torch.int64)
    first = 0
    for piece in grey.split(chunks(ROWS)):
        p = _probabilities(piece)
        logit, none = torch.logit(p).T, torch.log1p(-p).sum(1)
        for rows in torch.arange(len(x)).split(ROWS):
            log_p, where = torch.addmm(none, flat[rows], logit).max(1)
            better = log_p > best[rows]
            best[rows] = torch.where(better, log_p, best[rows])
            index[rows] = torch.where(better, where + first, index[rows])
        first += len(piece)
    entropy = torch.cat([torch.special.entr(p).sum(1) + torch.special.entr(1 - p).sum(1) for p in _of(grey, index)])
    return Neighbour(-best.double() - entropy.double(), index)


def _of(grey: Tensor, index: Tensor) -> Iterator[Tensor]:
    return (_probabilities(grey[rows]) for rows in index.split(ROWS))


def _probabilities(grey: Tensor) -> Tensor:
    """``(N, ...) uint8 -> (N, D)``, of a pixel to be 1."""
    return (grey.flatten(1).float() / 255).clamp_(0.5 / 255, 1 - 0.5 / 255)


def closer(samples: Tensor, test: Tensor) -> Estimate:
    """``P(a < b) + P(a = b) / 2`` for a from ``samples: (n,)`` and b from ``test: (m,)``: the rank statistic.

    Its standard error is that of DeLong: the variances of each example's own share of won comparisons.
    """
    samples, test = samples.double().contiguous(), test.double().contiguous()
    of_samples, of_test = _wins(samples, test), 1 - _wins(test, samples)
    variance = of_samples.var() / len(samples) + of_test.var() / len(test)
    return Estimate(of_samples.mean().item(), variance.sqrt().item())


def _wins(a: Tensor, b: Tensor) -> Tensor:
    """Share of b above each of a, ties by half: ``(n,)``."""
    ordered = b.sort().values
    above = len(b) - torch.searchsorted(ordered, a, right=True)
    equal = torch.searchsorted(ordered, a, right=True) - torch.searchsorted(ordered, a)
    return (above + equal / 2).double() / len(b)


def near_copies(samples: Tensor, test: Tensor, *, seed: int) -> Estimate:
    """Share of distances ``samples: (n,)`` below the `QUANTILE` of those of ``test: (m,)``; `QUANTILE` if alike.

    The standard error is the bootstrap's, of both: a quantile of one in twenty of a few hundred is not known well, and
    of alike samples the variance is about ``QUANTILE (1 - QUANTILE) (1 / n + 1 / m)``.
    """
    samples, test = samples.double(), test.double()

    def share(times: Tensor, others: Tensor) -> float:
        below = samples < torch.quantile(test.repeat_interleave(others.long()), QUANTILE)
        return (below * times).sum().item() / len(samples)

    return resampled(share, (len(samples), len(test)), resamples=RESAMPLES, seed=seed)


def mean_distance(x: Tensor) -> Estimate:
    """Mean distance between two of ``x: (n, ...)``, whose ``n^2`` distances are held at once.

    The standard error is that of a U-statistic: two standard errors of the mean of each example's own mean distance.
    """
    x = x.flatten(1).double()
    x = x - x.mean(0)
    n = len(x)
    distances = squared_distances(x, x).sqrt_()
    own = distances.fill_diagonal_(0).sum(1) / (n - 1)
    return Estimate(own.mean().item(), 2 * own.std().item() / math.sqrt(n))


def diversity(samples: Tensor, test: Tensor) -> Estimate:
    """Mean distance between samples over that between test examples; 1 for a perfect model, 0 for a collapsed one."""
    a, b = mean_distance(samples), mean_distance(test)
    ratio = a.value / b.value
    error = math.hypot(a.standard_error / b.value, ratio * b.standard_error / b.value)
    return Estimate(ratio, error)
