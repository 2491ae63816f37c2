"""Densities that are constant on the cells of a grid, and the histogram among them.

    p(x) = (1 - e) m(c(x)) / V + e N(x; mean, diag (2 std)^2)

c(x) is the cell of x in a box around the training points, m its probability (0 outside the box), V the volume of a
cell. Without the second term a test point beyond the box would have density 0 and the whole test set an infinite score;
``e = 1 / (n + 1)`` is the usual estimate that a new point is farther out than all n before it. By construction the
integral is 1, and samples are exact.

"Multivariate Density Estimation", D. W. Scott, 1992, chapter 3, https://doi.org/10.1002/9780470316849
"Weighted Average Importance Sampling and Defensive Mixture Distributions", T. Hesterberg, 1995,
https://doi.org/10.1080/00401706.1995.10484303 (the second term)
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec, Split
from genlab.errors import ConfigError
from genlab.models.capabilities import ExactLikelihood
from genlab.models.classical.base import Fit, Fitted, pick
from genlab.models.classical.tables import SMOOTHING, log_table
from genlab.ops.bars import Progress, no_bar

MAX_CELLS = 2**24
"""Cells at most: 64 MiB."""

TAIL_WIDTH = 2.0
"""Standard deviations of the second term, in those of the training points."""


class CellDensity(Fitted, ExactLikelihood):
    """A piecewise constant density on a grid; how its cells get their probabilities is the subclass's affair.

    Args:
        spec: real vectors of up to three dimensions.
    """

    box: Tensor
    log_mass: Tensor
    tail: Tensor
    log_tail_mass: Tensor

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.learned("box", 2, spec.dim)  # lowest and highest corner
        self.learned("log_mass", *[0] * spec.dim)  # log probabilities of the cells, of one number of cells per side
        self.learned("tail", 2, spec.dim)  # mean and standard deviation of the second term
        self.learned("log_tail_mass")

    def _place(self, x: Tensor, *, margin: float) -> None:
        """Put the box around ``x: (n, D)``, wider by ``margin`` times its size on every side; set the second term."""
        low, high = x.min(0).values, x.max(0).values
        extra = (margin * (high - low)).clamp_min(1e-6)
        self.fill("box", torch.stack([low - extra, high + extra]))
        self.fill("tail", torch.stack([x.mean(0), TAIL_WIDTH * x.std(0, correction=0).clamp_min(1e-6)]))
        self.fill("log_tail_mass", torch.tensor(-math.log(len(x) + 1)))

    @property
    def sides(self) -> Tensor:
        """Edge lengths of a cell, ``(D,)``."""
        return (self.box[1] - self.box[0]) / self.log_mass.shape[0]

    def cell(self, x: Tensor, per_side: int) -> tuple[Tensor, Tensor]:
        """Flat index of each point's cell, ``per_side`` cells a side, and whether it is in the box at all; ``(B,)``."""
        low, high = self.box
        place = ((x - low) / (high - low) * per_side).floor()
        inside = ((x >= low) & (x <= high)).all(1)
        place = place.clamp(0, per_side - 1).long()
        flat = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        for d in range(self.spec.dim):
            flat = flat * per_side + place[:, d]
        return flat, inside

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B,)`` nats per example."""
        x = x.float()
        flat, inside = self.cell(x, self.log_mass.shape[0])
        within = self.log_mass.flatten()[flat] - self.sides.log().sum() + torch.log1p(-self.log_tail_mass.exp())
        within = within.masked_fill(~inside, -math.inf)
        z = (x - self.tail[0]) / self.tail[1]
        beyond = -0.5 * z.square().sum(1) - (self.tail[1].log() + 0.5 * math.log(2 * math.pi)).sum()
        return torch.logaddexp(within, beyond + self.log_tail_mass)

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """A cell each, and a uniform place in it; or, with probability e, the second term. ``(n, D) float32``."""
        device = self.box.device if generator is None else generator.device
        flat = pick(self.log_mass.flatten().exp(), n, generator=generator)
        place = torch.stack(torch.unravel_index(flat, self.log_mass.shape), 1)
        u, chance = (torch.rand(n, m, generator=generator, device=device).to(self.box) for m in (self.spec.dim, 1))
        noise = torch.randn(n, self.spec.dim, generator=generator, device=device).to(self.box)
        within = self.box[0] + (place + u) * self.sides
        return torch.where(chance < self.log_tail_mass.exp(), self.tail[0] + self.tail[1] * noise, within)


class GridHistogram(CellDensity):
    """Histogram of real vectors: ``m(c) = (n(c) + a) / (n + a B^D)`` with B bins a side and pseudo-count a.

    Args:
        spec: real vectors of up to three dimensions.
        bins: B, or "auto": by the likelihood of held-out points.
        smoothing: a, or "auto" likewise.

    Raises:
        ConfigError: more dimensions, or too many bins.
    """

    def __init__(
        self, spec: DataSpec, *, bins: int | Literal["auto"] = "auto", smoothing: float | Literal["auto"] = "auto"
    ) -> None:
        super().__init__(spec)
        if isinstance(bins, int) and bins**spec.dim > MAX_CELLS:
            raise ConfigError(
                f"model.bins={bins}: {bins}^{spec.dim} cells do not fit in memory; give at most "
                f"{int(MAX_CELLS ** (1 / spec.dim))}"
            )
        self.bins = bins
        self.smoothing = smoothing

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Count for every number of bins; choose by the held-out points."""
        self._place(train.x, margin=0.01)
        dim = self.spec.dim
        most = int(MAX_CELLS ** (1 / dim))
        tried = sorted({min(most, round(2 ** (k / 3))) for k in range(28)})
        binnings = tried if self.bins == "auto" else [int(self.bins)]
        smoothings = SMOOTHING if self.smoothing == "auto" else (float(self.smoothing),)
        best = -math.inf
        chosen: dict[str, float] = {}
        for bins in progress(binnings, len(binnings)):
            counts = torch.bincount(self.cell(train.x, bins)[0], minlength=bins**dim).float()
            for smoothing in smoothings:
                self.fill("log_mass", log_table(counts, bins=bins**dim, smoothing=smoothing).view([bins] * dim))
                score = self.log_prob(val.x).double().mean().item()
                if score > best:
                    best, chosen, kept = score, {"bins": bins, "smoothing": smoothing}, self.log_mass.detach()
        self.fill("log_mass", kept)
        return Fit(chosen)
