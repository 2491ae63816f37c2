"""How good draws of what pictures may have been are: near the truth, true to what was measured, varied, calibrated.

Of S draws that are as likely as the truth, the truth's rank among all S + 1 values is uniform. So with ``r`` values of
the draws below it and ``t`` equal to it,

    p = (r + U (t + 1)) / (S + 1),      U ~ uniform[0, 1),

is uniform too, for any S and for values that are levels, and ``|p - 1/2| < a / 2`` says that the truth lies within the
central a of the draws: it does so in a of all cases.

"Probabilistic Forecasts, Calibration and Sharpness", T. Gneiting, F. Balabdaoui, A. Raftery, 2007,
https://doi.org/10.1111/j.1467-9868.2007.00587.x
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, mean
from genlab.evaluation.statistics.likeness import psnr, ssim

INTERVALS = (0.5, 0.9)
"""Central shares of the draws whose coverage is looked at."""


def likeness(x: Tensor, truth: Tensor) -> dict[str, float | None]:
    """PSNR in dB with its standard error, and SSIM; None where there is none. Of ``(n, C, H, W)`` on 0 ... 1."""
    alone = len(x) == 1  # which has no standard error: twice the same has its mean
    x, truth = (each.expand(max(2, len(each)), *each.shape[1:]) for each in (x.clamp(0, 1), truth))
    found, like = psnr(x, truth), ssim(x.float(), truth.float())
    return {
        "psnr": None if found is None else found.value,
        "psnr_standard_error": None if found is None or alone else found.standard_error,
        "ssim": None if like is None else like.value,
    }


def positions(draws: Tensor, truth: Tensor, *, seed: int = 0) -> Tensor:
    """``p`` above, of each value: draws ``(n, S, *event)``, truth ``(n, *event)``; ``(n, *event) float64``."""
    below = (draws < truth[:, None]).sum(1).double()
    equal = (draws == truth[:, None]).sum(1).double()
    u = torch.rand(truth.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (below + u * (equal + 1)) / (draws.shape[1] + 1)


def coverage(draws: Tensor, truth: Tensor, where: Tensor, *, seed: int = 0) -> dict[float, Estimate]:
    """How often the truth lies within central shares of the draws.

    Args:
        draws: ``(n, S, *event)`` on the truth's scale.
        truth: ``(n, *event)``.
        where: bool, broadcast to an example: the values that were not measured exactly.
        seed: of what breaks ties.

    Returns:
        By `INTERVALS`; the standard error is that of the examples' own coverages, as values of one are not independent.
    """
    p = positions(draws, truth, seed=seed).flatten(1)
    chosen = where.expand(truth.shape[1:]).flatten()
    found = {}
    for share in INTERVALS:
        inside = ((p[:, chosen] - 0.5).abs() < share / 2).double().mean(1)
        found[share] = mean(inside) if len(inside) > 1 else Estimate(inside.item(), math.nan)
    return found


def diversity(draws: Tensor) -> dict[str, float]:
    """How draws ``(n, S, *event)`` of one example differ.

    Returns:
        ``pixel_std``, the root mean square of their standard deviation; ``distance``, the mean root mean square
        difference of two of them. Both on the scale of the draws, 0 with a single one.
    """
    samples = draws.shape[1]
    if samples < 2:
        return {"pixel_std": 0.0, "distance": 0.0}
    variance = draws.double().var(1).mean().item()
    flat = draws.double().flatten(2)
    apart = torch.cdist(flat, flat).sum((1, 2)) / (samples * (samples - 1))
    return {"pixel_std": math.sqrt(variance), "distance": apart.mean().item() / math.sqrt(flat.shape[2])}


def misfit(residual: Tensor) -> float:
    """Root mean square of ``y - A u``, ``(n, M)``."""
    return residual.double().square().mean().sqrt().item()
