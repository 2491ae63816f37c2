"""How good forecasts are: hits, the continuous ranked probability score, and the rank of the truth in an ensemble.

    CSI  = hits / (hits + misses + false alarms),     a hit where forecast and truth reach a threshold
    CRPS = E|X - y| - 1/2 E|X - X'|,                  X, X' of the ensemble; of a single forecast it is |x - y|
    rank = #{x_m < y}, ties broken at random          uniform on 0 ... M where the truth could be a member

"The Critical Success Index as an Indicator of Warning Skill", J. T. Schaefer, 1990,
https://doi.org/10.1175/1520-0434(1990)005<0570:TCSIAA>2.0.CO;2
"Strictly Proper Scoring Rules, Prediction, and Estimation", T. Gneiting, A. E. Raftery, 2007,
https://doi.org/10.1198/016214506000001437
"Interpretation of Rank Histograms for Verifying Ensemble Forecasts", T. M. Hamill, 2001,
https://doi.org/10.1175/1520-0493(2001)129<0550:IORHFV>2.0.CO;2
"""

from __future__ import annotations

import torch
from torch import Tensor


def hits(forecast: Tensor, truth: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Numerator and denominator of the CSI of each frame: ``(N, F, ...)`` -> ``(N, F)`` each."""
    said, was = forecast.flatten(2) >= threshold, truth.flatten(2) >= threshold
    return (said & was).sum(2), (said | was).sum(2)


def crps(members: Tensor, truth: Tensor) -> Tensor:
    """Of ``members (M, ...)`` as they are, each as likely: ``(...)``, in the unit of the truth.

    With members in order, ``E|X - X'| = 2 / M^2 sum_i (2 i - M + 1) x_(i)``, i from 0.
    """
    m = len(members)
    apart = (members - truth).abs().mean(0)
    if m == 1:
        return apart
    weights = (2 * torch.arange(m, device=members.device) - m + 1).to(members.dtype)
    spread = torch.tensordot(weights, members.sort(0).values, dims=1) / m**2
    return apart - spread


def ranks(members: Tensor, truth: Tensor, *, generator: torch.Generator) -> Tensor:
    """How often the truth has each rank among ``members (M, ...)``: ``(M + 1,) float64`` counts.

    Where all members and the truth are the same, as where it is dry, nothing can be told, and nothing is counted.
    """
    below, same = (members < truth).sum(0), (members == truth).sum(0)
    told = same < len(members)
    u = torch.rand(truth.shape, generator=generator, device=truth.device)
    rank = below + ((same + 1) * u).long().minimum(same)
    return torch.bincount(rank[told], minlength=len(members) + 1).double()
