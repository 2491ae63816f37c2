"""Updates that are left out because their gradient is out of all proportion.

"Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images", R. Child, 2021,
https://arxiv.org/abs/2011.10650, leaves out updates above a fixed norm, which stalls a run whose gradients have grown
for good. Here the measure is a running average, which moves towards every norm, left out or not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PACE = 0.01
"""How fast the average follows."""


class Skip(nn.Module):
    """Sets gradients to zero whose norm is not finite, or more than ``above`` times its running average.

    A norm counts for at most ``above`` times the average, so that one outlier leaves it nearly as it was; gradients
    that stay large raise it by a share of ``PACE (above - 1)`` each, and are soon used again. Nothing waits for the
    device.

    Attributes:
        typical: the average; 0 before the first.
        skipped: how many were left out.
    """

    typical: Tensor
    skipped: Tensor

    def __init__(self, above: float) -> None:
        super().__init__()
        self.above = above
        self.register_buffer("typical", torch.zeros(()))
        self.register_buffer("skipped", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, gradients: Sequence[Tensor]) -> None:
        """Look at the gradients of one update, in place."""
        norm = torch.nn.utils.get_total_norm(gradients).to(self.typical.device)
        first = self.typical == 0
        most = torch.where(first, norm, self.above * self.typical)
        fits = norm.isfinite() & (norm <= most)
        for gradient in gradients:
            gradient.copy_(torch.where(fits.to(gradient.device), gradient, 0.0))
        counted = torch.where(norm.isfinite(), norm.minimum(most), torch.where(first, 0.0, most))
        self.typical.copy_(torch.where(first, counted, torch.lerp(self.typical, counted, PACE)))
        self.skipped += ~fits


def skips(above: Sequence[float | None]) -> nn.ModuleDict:
    """By the place of the optimiser, a `Skip` for each that has a limit."""
    return nn.ModuleDict({str(place): Skip(most) for place, most in enumerate(above) if most is not None})


def left_out(skips: nn.ModuleDict) -> dict[str, int]:
    """``skipped_updates``, for a run's summary; nothing where none can be."""
    counts = [int(skip.skipped) for skip in skips.values() if isinstance(skip, Skip)]
    return {"skipped_updates": sum(counts)} if counts else {}
