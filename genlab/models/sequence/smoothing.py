"""Probabilities of n-grams from their counts: each order is mixed with the one below, and the lowest is uniform.

    p(x | h) = (a(h x) + b(h) p(x | h')) / (sum_x a(h x) + b(h)),      p(x | no context) mixed with 1 / V

where h' is the context h without its oldest symbol; every symbol has a probability, and they sum to one. Of a context
that was never seen, ``p(x | h) = p(x | h')``.

- **Witten-Bell**: a is the count c, and b(h) the number N(h) of different symbols that came after h: as often as
  something new came.
- **Kneser-Ney**: ``a = c - D_c`` and ``b(h) = D_1 N_1(h) + D_2 N_2(h) + D_3 N_3+(h)``, what was taken off, with N_i(h)
  the symbols that came i times; below the highest order, c is not how often a symbol came, but after how many different
  symbols it came (with its context): "Francisco" is frequent, but only after "San". The discounts of each order are
  ``D_i = i - (i + 1) Y n_(i+1) / n_i`` with ``Y = n_1 / (n_1 + 2 n_2)`` and n_i the n-grams of count i.

"The Zero-Frequency Problem", I. H. Witten, T. C. Bell, 1991, https://doi.org/10.1109/18.87000; "Improved Backing-Off
for M-gram Language Modeling", R. Kneser, H. Ney, 1995, https://doi.org/10.1109/ICASSP.1995.479394; "An Empirical Study
of Smoothing Techniques for Language Modeling", S. F. Chen, J. Goodman, 1999, https://doi.org/10.1006/csla.1999.0128
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Smoothing = Literal["kneser_ney", "witten_bell"]

FEW = (0.5, 1.0, 1.5)
"""Discounts where there are too few n-grams to estimate them, as of a handful of symbols, all of which are frequent."""


def discounts(tallies: Tensor) -> Tensor:
    """``D_1, D_2, D_3+ (..., 3) float64`` from how many n-grams have count 1, 2, 3 and 4, ``(..., 4)``."""
    n = tallies.double()
    enough = (n > 0).all(-1, keepdim=True)
    n = n.clamp_min(1)
    y = n[..., :1] / (n[..., :1] + 2 * n[..., 1:2])
    times = torch.arange(1, 4, dtype=torch.float64)
    estimated = times - (times + 1) * y * n[..., 1:] / n[..., :-1]
    enough = enough & (estimated > 0).all(-1, keepdim=True)
    return torch.where(enough, estimated, torch.tensor(FEW, dtype=torch.float64))


def witten_bell(count: Tensor, followers: Tensor, lower: Tensor) -> Tensor:
    """``p(x | h)``, in the shape of ``count``.

    Args:
        count: ``float64``, of ``h x``.
        followers: ``(..., 4) float64`` of h: see `Tables.followers`; all 0 of a context that was never seen.
        lower: ``p(x | h')``.
    """
    total, new = followers[..., 0], followers[..., 1:].sum(-1)
    return _mixed(count, total, new, lower)


def kneser_ney(count: Tensor, followers: Tensor, lower: Tensor, discount: Tensor) -> Tensor:
    """As `witten_bell`, given ``D_1, D_2, D_3+``, ``(3,) float64``."""
    taken = followers[..., 1:] @ discount
    of_count = torch.cat([discount.new_zeros(1), discount])
    return _mixed(count - of_count[count.long().clamp_max(3)], followers[..., 0] - taken, taken, lower)


def _mixed(a: Tensor, total: Tensor, b: Tensor, lower: Tensor) -> Tensor:
    whole = total + b
    return torch.where(whole > 0, (a + b * lower) / whole.clamp_min(1), lower)
