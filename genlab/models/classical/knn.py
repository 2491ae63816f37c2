"""The k-nearest-neighbour density estimate.

    f(x) = k / (n V_D r_k(x)^D)

r_k(x) is the distance from x to its k-th nearest training point, V_D the volume of the unit ball. It adapts to the
local density, but it is **not a density**: far away ``f ~ |x|^{-D}``, whose integral over ``R^D`` diverges, so no
constant normalises it. Hence two models:

- `KNN`, of pictures, is an `UnnormalisedDensity`: it ranks by ``energy(x) = D log r_k(x)`` and has no likelihood.
- `KNNOnGrid`, of vectors of up to three dimensions, is the estimate at the centres of a grid's cells, constant on each
  and normalised over their box, a tenth wider than the training points' on every side: exact, for that model.

"A Nonparametric Estimate of a Multivariate Density Function", D. Loftsgaarden, C. Quesenberry, 1965,
https://doi.org/10.1214/aoms/1177700079; "Density Estimation for Statistics and Data Analysis", B. W. Silverman, 1986,
section 5.2, https://doi.org/10.1201/9781315140919
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Split
from genlab.models.capabilities import UnnormalisedDensity
from genlab.models.classical.base import Fit, Fitted, flat, kept_points, read_points, thinned
from genlab.models.classical.cells import CellDensity
from genlab.ops.bars import Progress, no_bar
from genlab.ops.distances import chunks, squared_distances
from genlab.signatures.ranges import Positive

needs = ("one set", "image | vector | waveform | video", "vector | integers", "three dimensions or fewer | integers")
# of reals on a grid: with 64 cells a side it has 2^18 of them in three dimensions, 2^24 in four


AUTO_K = 10
"""``k=auto`` where no likelihood can choose."""

TRIED = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
"""``k=auto`` where the likelihood of held-out points chooses."""

CELLS = 300
"""Cells per side of the grid in two dimensions; as many cells altogether in one and three."""

LEAST = 1e-6
"""Least distance: a training point's copy lies at distance 0, where f has no value."""


class KNN(Fitted, UnnormalisedDensity):
    """The k-nearest-neighbour estimate of pictures: ranks, never scores.

    Args:
        spec: integer data.
        k: number of neighbours; "auto" is 10.
        max_points: training examples kept; "auto" is at most 10,000, and 8.4 million numbers.
    """

    points: Tensor
    radii: Tensor

    def __init__(
        self, spec: DataSpec, *, k: int | Literal["auto"] = "auto", max_points: int | Literal["auto"] = "auto"
    ) -> None:
        super().__init__()
        self.spec = spec
        self.k = AUTO_K if k == "auto" else k
        self.max_points = kept_points(max_points, dim=spec.dim)
        self.learned("points", 0, spec.dim)
        self.learned("radii", 0)

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Keep the examples, and the distance from each to its k-th neighbour among the others."""
        train, notes = thinned(train, self.max_points, name="knn", generator=generator)
        self.fill("points", train.x.flatten(1))
        # each point is its own nearest neighbour: one more
        self.fill("radii", self._radius(self.points, min(self._k + 1, len(train)), progress))
        return Fit({"k": self._k}, (*notes, "knn ranks pictures and draws them; it has no likelihood"))

    @property
    def _k(self) -> int:
        """The k that there are points for: of n, each has n - 1 neighbours."""
        return min(self.k, max(1, len(self.points) - 1))

    def _radius(self, x: Tensor, k: int, progress: Progress = no_bar) -> Tensor:
        """Distance to the k-th nearest point, ``(B,)``; ``O(n D)`` each."""
        middle = self.points.mean(0)
        points, pieces = self.points - middle, (x - middle).split(chunks(len(self.points)))
        with torch.autocast(x.device.type, enabled=False):
            nearest = [squared_distances(piece, points).kthvalue(k).values for piece in progress(pieces, len(pieces))]
        return torch.cat(nearest).sqrt()

    def energy(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``D log r_k(x) = -log f(x) + constant``, ``(B,)``."""
        radius = self._radius(x.flatten(1).float(), self._k)
        return self.spec.dim * radius.clamp_min(LEAST).log()

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """A training example, moved to a uniform place in the ball up to its k-th neighbour, rounded to levels.

        That is the nearest proper relative of f, which itself cannot be drawn from: a mixture of uniform balls whose
        size is the training point's own ``r_k``. ``(n, C, H, W)``.
        """
        device = self.points.device if generator is None else generator.device
        index = torch.randint(len(self.points), (n,), generator=generator, device=device).to(self.points.device)
        direction, length = (
            draw(n, m, generator=generator, device=device).to(self.points)
            for draw, m in ((torch.randn, self.spec.dim), (torch.rand, 1))
        )
        radius = self.radii[index, None] * length ** (1 / self.spec.dim)
        x = self.points[index] + radius * direction / direction.norm(dim=1, keepdim=True)
        assert self.spec.levels is not None
        return x.round().clamp_(0, self.spec.levels - 1).to(self.spec.dtype).view(n, *self.spec.event_shape)


class KNNOnGrid(CellDensity):
    """The k-nearest-neighbour estimate of vectors, tabulated on a grid and normalised there.

    Args:
        spec: real vectors of up to three dimensions.
        k: number of neighbours, or "auto": by the likelihood of held-out points.
        max_points: training points looked at, of which only the table stays; "auto" is at most 67 million numbers.

    Raises:
        ConfigError: more dimensions.
    """

    def __init__(
        self, spec: DataSpec, *, k: int | Literal["auto"] = "auto", max_points: int | Literal["auto"] = "auto"
    ) -> None:
        super().__init__(spec)
        self.k = k
        self.max_points = read_points(max_points, dim=spec.dim)

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Tabulate the estimate at the cells' centres for every k tried; choose by the held-out points."""
        from sklearn.neighbors import NearestNeighbors

        train, notes = thinned(train, self.max_points, name="knn", generator=generator)
        self._place(train.x, margin=0.1)
        dim, n = self.spec.dim, len(train)
        tried = [k for k in (TRIED if self.k == "auto" else (int(self.k),)) if k <= n] or [n]
        per_side = round(CELLS ** (2 / dim))
        steps = (torch.arange(per_side) + 0.5) / per_side
        places = torch.cartesian_prod(*[steps] * dim).view(-1, dim)
        centres = (self.box[0] + (self.box[1] - self.box[0]) * places).split(10_000)
        search = NearestNeighbors(n_neighbors=tried[-1], algorithm="kd_tree").fit(train.x.numpy())
        columns = [k - 1 for k in tried]
        found = [
            torch.from_numpy(search.kneighbors(piece.numpy())[0])[:, columns]
            for piece in progress(centres, len(centres))
        ]
        log_density = -dim * torch.cat(found).clamp_min(LEAST).log()
        best, chosen = -math.inf, tried[0]
        for column, k in enumerate(tried):
            self.fill("log_mass", log_density[:, column].log_softmax(0).view([per_side] * dim))
            score = self.log_prob(val.x).double().mean().item()
            if score > best:
                best, chosen, kept = score, k, self.log_mass.detach()
        self.fill("log_mass", kept)
        return Fit({"k": chosen}, (*notes, f"knn is normalised on a grid of {per_side}^{dim} cells"))


def knn(
    spec: DataSpec, *, k: Positive | Literal["auto"] = "auto", max_points: Positive | Literal["auto"] = "auto"
) -> KNN | KNNOnGrid:
    """`KNN` for pictures, which ranks only; `KNNOnGrid` for vectors, exact.

    Raises:
        ConfigError: the data does not fit.
    """
    require(knn, spec)
    kind = KNNOnGrid if flat(spec) == spec else KNN  # real vectors, or levels
    return kind(spec, k=k, max_points=max_points)
