"""Independent pixels: one probability for every level of every pixel, by counting.

    P(x) = prod_d P_d(x_d),   P_d(x_d) = (n_d(b) + a) / (n + a B) / |b|

where b is the bin of level ``x_d`` among B bins of neighbouring levels, ``|b|`` its number of levels, ``n_d(b)`` how
many of the n training examples fall in it at pixel d, and a the pseudo-count of each bin (Lidstone's smoothing). B and
a are chosen by the likelihood of held-out examples. One bin is the uniform distribution; as many bins as levels is
the independent-pixel baseline beside which every likelihood of pictures stands.

"Note on the General Case of the Bayes-Laplace Formula for Inductive or a Posteriori Probabilities", G. J. Lidstone,
1920, Transactions of the Faculty of Actuaries 8
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Split
from genlab.errors import ConfigError
from genlab.models.capabilities import ItemisedLikelihood
from genlab.models.classical.base import Fit, Fitted
from genlab.models.codable import Codable, Unfolding
from genlab.models.conditions import given_by, needed, width
from genlab.ops.bars import Progress, no_bar

SMOOTHING = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Pseudo-counts tried by ``smoothing=auto``."""

AT_ONCE = 1000
"""Examples counted together."""

VALUES_AT_ONCE = 1 << 23
"""Probabilities that are said together."""

MAX_ENTRIES = 2**28
"""Table entries at most: 1 GiB."""


class _Table(Fitted, Codable):
    """``log P_d(level | y)`` in a table ``(C, D, L)``; C = 1 without classes."""

    log_table: Tensor

    def __init__(self, spec: DataSpec, *, classes: int, bins: int | str, smoothing: float | str) -> None:
        super().__init__()
        self.spec = spec
        assert spec.levels is not None
        self.levels = spec.levels
        if classes * spec.dim * self.levels > MAX_ENTRIES:
            raise ConfigError(
                f"a table of {classes} x {spec.dim} x {self.levels} probabilities does not fit in memory; "
                "make the pictures smaller with data.size"
            )
        if isinstance(bins, int) and bins > self.levels:
            raise ConfigError(f"model.bins={bins}: this data has {self.levels} levels; give at most that")
        self.bins = bins
        self.smoothing = smoothing
        self.learned("log_table", classes, spec.dim, self.levels)

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Count, then choose the bins and the smoothing; both likelihoods are functions of the counts alone."""
        counts, held_out = self._counts(train, progress), self._counts(val, no_bar)
        binnings = [2**k for k in range(self.levels.bit_length()) if 2**k < self.levels] + [self.levels]
        binnings = binnings if self.bins == "auto" else [int(self.bins)]
        smoothings = SMOOTHING if self.smoothing == "auto" else (float(self.smoothing),)
        best = float("-inf")
        chosen: dict[str, float] = {}
        for bins in binnings:
            for smoothing in smoothings:
                table = log_table(counts, bins=bins, smoothing=smoothing)
                score = (held_out * table).sum(dtype=torch.float64).item()
                if score > best:
                    best, chosen = score, {"bins": bins, "smoothing": smoothing}
                    self.fill("log_table", table)
        return Fit(chosen)

    def _counts(self, split: Split, progress: Progress) -> Tensor:
        """``(C, D, L) float32``: examples of each class, pixel and level."""
        classes, dim, levels = self.log_table.shape
        total = torch.zeros(classes * dim * levels, dtype=torch.int32)
        row = levels * torch.arange(dim)
        pieces = torch.arange(len(split)).split(AT_ONCE)
        for index in progress(pieces, len(pieces)):
            cell = split.x[index].flatten(1).long() + row
            if classes > 1:
                assert split.y is not None
                cell += (dim * levels) * split.y[index, None]
            total += torch.bincount(cell.flatten(), minlength=len(total)).int()
        return total.view(classes, dim, levels).float()

    def _terms(self, x: Tensor, y: Tensor) -> Tensor:
        """``log P_d(x_d | y)``, ``(B, *event_shape)`` nats; ``y: (B,)``."""
        pixel = torch.arange(self.spec.dim, device=x.device)
        return self.log_table[y[:, None], pixel, x.flatten(1).long()].view(-1, *self.spec.event_shape)

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        """``log P(x | y)``, ``(B,)`` nats."""
        return self._terms(x, y).flatten(1).sum(1)

    def values(self, x: Tensor) -> Tensor:
        """``(B, *event_shape)`` as they lie, ``(B, D)``."""
        return x.flatten(1)

    def distributions(self, x: Tensor, c: Tensor | None = None) -> Iterator[Tensor]:
        """See `Codable.distributions`: they do not depend on the values."""
        size = max(1, VALUES_AT_ONCE // (len(x) * self.levels))
        yield from (part[self._class_of(len(x), c)] for part in self.log_table.split(size, 1))

    @torch.no_grad()
    def unfold(self, n: int, c: Tensor | None = None, *, length: int | None = None) -> Unfolding:
        """See `Codable.unfold`."""
        told = []
        for piece in self.distributions(self.log_table.new_zeros(n, 0), c):
            told.append((yield piece))
        return torch.cat(told, 1).view(n, *self.spec.event_shape).to(self.spec.dtype)

    def _class_of(self, n: int, c: Tensor | None) -> Tensor:
        return torch.zeros(n, dtype=torch.int64, device=self.log_table.device) if c is None else c

    def _draw(self, y: Tensor, generator: torch.Generator | None) -> Tensor:
        """Pixels of the classes ``y: (n,)``, each by the inverse of its cumulative distribution."""
        x = torch.empty(len(y), self.spec.dim, dtype=self.spec.dtype, device=y.device)
        device = y.device if generator is None else generator.device
        u = torch.rand(len(y), self.spec.dim, generator=generator, device=device).to(y.device)
        for label in y.unique().tolist():
            rows = (y == label).nonzero()[:, 0]
            cumulative = self.log_table[label].exp().cumsum(1)
            at = u[rows].T * cumulative[:, -1:]
            found = torch.searchsorted(cumulative, at.contiguous(), right=True).clamp_max_(self.levels - 1)
            x[rows] = found.T.to(self.spec.dtype)
        return x.view(-1, *self.spec.event_shape)


class PixelHistogram(_Table, ItemisedLikelihood):
    """Independent pixels, each with a histogram of its own.

    Args:
        spec: integer data.
        bins: B, or "auto": by the likelihood of held-out examples.
        smoothing: a, or "auto" likewise.

    Raises:
        ConfigError: more bins than levels, or too large a table.
    """

    def __init__(
        self, spec: DataSpec, *, bins: int | Literal["auto"] = "auto", smoothing: float | Literal["auto"] = "auto"
    ) -> None:
        super().__init__(spec, classes=1, bins=bins, smoothing=smoothing)

    def log_prob_per_dim(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log P_d(x_d)``, ``(B, *event_shape)`` nats."""
        return self._terms(x, torch.zeros(len(x), dtype=torch.int64, device=x.device))

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log P(x)``, ``(B,)`` nats per example."""
        return self.log_prob_per_dim(x).flatten(1).sum(1)

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``(n, C, H, W) uint8``."""
        return self._draw(torch.zeros(n, dtype=torch.int64, device=self.log_table.device), generator)


class NaiveBayes(_Table, ItemisedLikelihood):
    """Independent pixels given the class, with class probabilities ``(n_y + 1) / (n + C)``.

    "On the Optimality of the Simple Bayesian Classifier under Zero-One Loss", P. Domingos, M. Pazzani, 1997,
    https://doi.org/10.1023/A:1007413511361

    Args:
        spec: integer data with classes.
        bins, smoothing: as for `PixelHistogram`, the same for all classes.

    Raises:
        ConfigError: real or unlabelled data, more bins than levels, or too large a table.
    """

    needs = ("one set", "image", "integers", "labels")

    log_prior: Tensor

    def __init__(
        self, spec: DataSpec, *, bins: int | Literal["auto"] = "auto", smoothing: float | Literal["auto"] = "auto"
    ) -> None:
        require(NaiveBayes, spec)
        given = given_by("label", spec)
        super().__init__(spec, classes=width(given), bins=bins, smoothing=smoothing)
        self.given = given
        self.learned("log_prior", width(given))

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Count classes and, given each, levels."""
        assert train.y is not None
        classes = torch.bincount(train.y, minlength=len(self.log_prior)).double() + 1
        self.fill("log_prior", (classes / classes.sum()).log())
        return super().fit(train, val, generator=generator, progress=progress)

    def log_prob_per_dim(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log P_d(x_d | y)``, ``(B, *event_shape)`` nats."""
        return self._terms(x, needed(self.given, c))

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log P(x | y)``, ``(B,)`` nats per example."""
        return self._score(x, needed(self.given, c))

    def class_log_probs(self, x: Tensor) -> Tensor:
        """Bayes' rule: ``log P(y | x)`` of every class, ``(B, C)`` nats."""
        given = [self._score(x, torch.full((len(x),), y, device=x.device)) for y in range(len(self.log_prior))]
        return (torch.stack(given, 1) + self.log_prior).log_softmax(1)

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``(n, C, H, W) uint8`` of the classes ``c: (n,)``."""
        return self._draw(needed(self.given, c), generator)


def log_table(counts: Tensor, *, bins: int, smoothing: float) -> Tensor:
    """``log P_d(level)`` of counts ``(..., L)``: levels ``l`` with equal ``floor(l B / L)`` share a bin.

    Args:
        counts: examples by level, along the last dimension.
        bins: B, at most L.
        smoothing: a, above 0.
    """
    levels = counts.shape[-1]
    bin_of = torch.arange(levels) * bins // levels
    width = torch.bincount(bin_of, minlength=bins).float()
    n = counts.sum(-1, keepdim=True)
    binned = counts.new_zeros(*counts.shape[:-1], bins).index_add_(-1, bin_of, counts)
    return ((binned + smoothing) / (n + smoothing * bins) / width).log()[..., bin_of]
