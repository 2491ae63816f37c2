"""Normals on a grid, with parameters that are rounded so that writer and reader have the same.

Latents are coded in the units of their prior: ``u = (z - mu_p) / sigma_p`` is ``k SPACING``, k an integer, so that
every prior is one and the same, and a posterior has ``m = (mu_q - mu_p) / sigma_p`` and ``s = sigma_q / sigma_p``. Both
give a number the mass of its cell, and by the data-processing inequality cells cost no more than densities do.

constriction gives every integer between two bounds at least one frequency of 2^24. Of a posterior those bounds are
eight standard deviations around its mean, or else the share of what lies far outside would be drawn now and then, and
would cost hundreds of bits each time; latents are therefore coded in groups of like standard deviations.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.codec.frequencies import constriction
from genlab.models.latent_coding import LevelNormals

SPACING = 1 / 64
"""Of the grid of latents, in standard deviations of their prior."""

FARTHEST = 20 * 64
"""Of the grid's numbers: 20 standard deviations of the prior."""

MEANS = 16
"""Means are rounded to so many parts of a cell."""

SCALES = 64
"""Logarithms of standard deviations are rounded to so many parts of a nat."""

NARROWEST, WIDEST = -2 * SCALES, 309
"""Of these roundings: from 1/7 of a cell to just below 2^7 cells, two standard deviations of the prior."""

REACH = 8
"""Standard deviations of a posterior that are drawn from on either side of its mean."""


class Posterior(NamedTuple):
    """Rounded posteriors of latents, ``(N,)`` each.

    Attributes:
        centre: the number of the grid that is next to the mean.
        rest: from there to the mean, in cells.
        std: in cells.
        group: of like standard deviations: at most ``2^group`` cells.
    """

    centre: np.ndarray
    rest: np.ndarray
    std: np.ndarray
    group: np.ndarray


@lru_cache(maxsize=1)
def _stds() -> np.ndarray:
    """``exp(k / SCALES)`` of all k, correctly rounded: no library's own last bits."""
    with localcontext() as context:
        context.prec = 40
        return np.array([float((Decimal(k) / SCALES).exp()) for k in range(NARROWEST, WIDEST + 1)])


def posterior_of(level: LevelNormals) -> Posterior:
    """The rounded posteriors of a level, example by example.

    Raises:
        ValueError: they are not finite.
    """
    assert level.q is not None
    p_mean, p_log_var, q_mean, q_log_var = (each.double().flatten() for each in (*level.p, *level.q))
    mean = (q_mean - p_mean) * torch.exp(-0.5 * p_log_var) / SPACING
    log_std = 0.5 * (q_log_var - p_log_var) - float(np.log(SPACING))
    if not bool(torch.isfinite(mean).all() and torch.isfinite(log_std).all()):
        raise ValueError("the model's posteriors are not finite")
    scale = (log_std * SCALES).round().clamp(NARROWEST, WIDEST).long().numpy()
    std = _stds()[scale - NARROWEST]
    group = np.maximum(np.ceil(np.log2(std)), 0).astype(np.int64)
    parts = (mean * MEANS).round().clamp(-FARTHEST * MEANS, FARTHEST * MEANS).long().numpy()
    most = FARTHEST - _reach(group)
    centre = np.clip((parts + MEANS // 2) // MEANS, -most, most)
    rest = np.clip((parts - centre * MEANS) / MEANS, -_reach(group), _reach(group))
    return Posterior(centre, rest, std, group)


def _reach(group: Any) -> Any:
    """Cells on either side of the centre that latents of a group are drawn from."""
    return REACH * 2**group


def _models(q: Posterior) -> list[tuple[np.ndarray, Any]]:
    """Which latents each group has, and its coder's model."""
    family = constriction().stream.model.QuantizedGaussian
    return [(np.flatnonzero(q.group == g), family(-int(_reach(g)), int(_reach(g)))) for g in np.unique(q.group)]


def pop(coder: Any, q: Posterior) -> np.ndarray:
    """Draw latents from posteriors by the bits on the stack: numbers of the grid, ``(N,) int64``."""
    k = np.zeros(len(q.centre), np.int64)
    for own, model in _models(q):
        k[own] = q.centre[own] + coder.decode(model, q.rest[own], q.std[own])
    return k


def push_back(coder: Any, q: Posterior, k: np.ndarray) -> None:
    """Put the bits back that `pop` took."""
    for own, model in reversed(_models(q)):
        coder.encode_reverse((k[own] - q.centre[own]).astype(np.int32), model, q.rest[own], q.std[own])


def _prior() -> Any:
    return constriction().stream.model.QuantizedGaussian(-FARTHEST, FARTHEST, 0.0, 1 / SPACING)


def push(coder: Any, k: np.ndarray) -> None:
    """Write latents by their prior."""
    coder.encode_reverse(k.astype(np.int32), _prior())


def read(coder: Any, n: int) -> np.ndarray:
    """Latents that `push` wrote."""
    return coder.decode(_prior(), n).astype(np.int64)


def latents_of(level: LevelNormals, k: np.ndarray) -> Tensor:
    """The latents of numbers of the grid, shaped like their prior."""
    mean, log_var = level.p
    u = torch.from_numpy(k).to(mean.dtype).view_as(mean) * SPACING
    return mean + torch.exp(0.5 * log_var) * u
