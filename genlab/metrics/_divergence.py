"""How far a model is from a toy density that is known exactly: what kl, reverse_kl, js and tv share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator

import torch

from genlab.evaluation.artefacts.draw import log_density
from genlab.evaluation.artefacts.grids import mesh
from genlab.evaluation.record import Record
from genlab.evaluation.statistics import divergences, lower_bounds
from genlab.evaluation.statistics.divergences import Grid
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.lower_bounds import Fold
from genlab.metrics import _needs
from genlab.metrics._needs import density_of
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable, at_least, number_of_samples, record, samples
from genlab.models.capabilities import ExactLikelihood, LikelihoodBound
from genlab.models.grid_normalised import GridNormalised, extent
from genlab.seeding import derive
from genlab.signatures.ranges import Cells, Positive

MARGIN = 0.25
"""The grid goes beyond the training data by this part of their extent."""

NEGLIGIBLE = 1e-6
"""The box of a reverse divergence may leave out this much of q."""

WIDENINGS = 3
"""It is made half as wide again at most this often: the cells grow with it, and samples do better than wide cells."""


class Divergence(Metric):
    """A divergence between a known density p and the model q.

    Args:
        resolution: cells per side of the grid, where q is known.
        num_particles: importance samples per cell of a bound.
        n: samples where q is not known, for a lower bound; None: 10,000.
    """

    needs = (_needs.known_density,)
    better = "lower"

    def __init__(self, *, resolution: Cells = 400, num_particles: Positive = 100, n: Positive | None = None) -> None:
        self.resolution = resolution
        self.num_particles = num_particles
        self.n = n

    @staticmethod
    @abstractmethod
    def on_grid(grid: Grid, /) -> float:
        """The divergence of two densities on a grid."""

    @staticmethod
    @abstractmethod
    def bound(both: tuple[Fold, Fold], /) -> Estimate:
        """A lower bound on it from samples of both."""

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record: of a grid where q is known, else of samples."""
        yield self._record(subject)

    def _record(self, subject: Subject) -> Record:
        name = self.name
        model = subject.model
        known = isinstance(model, ExactLikelihood | LikelihoodBound) and model.given is None
        if not known:
            return self._by_samples(subject)
        resolution, particles = self.resolution, self.num_particles
        if name == "reverse_kl":
            grid = _holding(subject, resolution, particles) if isinstance(model, ExactLikelihood) else None
            if grid is None:
                return self._by_own_samples(subject)
        else:
            grid = _grid(subject, resolution, particles)
        if isinstance(model, ExactLikelihood):
            how, kind = "exact", "exact"
        else:
            # E log q_K <= log q, so that a bound on the density puts KL(p || q) too high; the others go either way
            how, kind = f"importance sampling with K={particles}", "upper bound" if name == "kl" else "estimate"
        if isinstance(model, GridNormalised):
            how = model.method
        method = f"grid of {resolution} x {resolution} cells; q is {how}, its mass there {grid.mass:.4f}"
        estimate = divergences.with_grid_error(self.on_grid, grid.at_most_one)
        if math.isinf(estimate.value):
            _infinite(name, (grid.swapped if name == "reverse_kl" else grid).missed)
        return record(
            subject,
            name,
            estimate,
            unit=_unit(name),
            n=resolution**2,
            kind=kind,
            method=f"{name if name == 'reverse_kl' else 'kl, js, tv'}: {method}",
            num_particles=None if isinstance(model, ExactLikelihood) else particles,
        )

    def _by_own_samples(self, subject: Subject) -> Record:
        """The mean of ``log q - log p`` over samples of a q whose density is known, but has no box that holds it."""
        name = self.name
        density, model, particles = density_of(subject.loaded), subject.model, self.num_particles
        assert density is not None
        n = number_of_samples(subject, self.n)
        if isinstance(model, GridNormalised):
            # the normalised density, and not what a chain has reached
            where = next(model.parameters()).device
            generator = torch.Generator(where).manual_seed(derive(subject.seed, "samples"))
            of_q = model.sample(n, generator=generator).cpu()
        else:
            of_q = samples(subject, n)
        log_q = log_density(model, of_q, seed=derive(subject.seed, "own samples"), num_particles=particles).double()
        log_p = density.log_prob(of_q)
        estimate = divergences.monte_carlo_reverse_kl(log_p, log_q)
        if math.isinf(estimate.value):
            _infinite(name, (log_p == -math.inf).double().mean().item())
        exact = isinstance(model, ExactLikelihood)
        why = "no box holds q" if exact else f"q is importance sampling with K={particles}, which is too low on average"
        return record(
            subject,
            name,
            estimate,
            unit=_unit(name),
            n=n,
            kind="estimate" if exact else "lower bound",
            method=f"{name}: Monte Carlo, the mean of log q - log p over {n} samples of q; {why}",
            num_particles=None if exact else particles,
        )

    def _by_samples(self, subject: Subject) -> Record:
        """A lower bound: samples of q show what is far from p, and never that q is near it."""
        name = self.name
        density = density_of(subject.loaded)
        assert density is not None
        n = number_of_samples(subject, self.n)
        at_least(lower_bounds.LEAST, n, metric=name, what="samples", why="a bound from samples")

        def make() -> tuple[Fold, Fold]:
            generator = torch.Generator().manual_seed(derive(subject.seed, "truth"))
            return lower_bounds.folds(density.log_prob, density.sample(n, generator=generator), samples(subject, n))

        both = subject.once(("folds", n), make)
        estimate = self.bound(both)
        if math.isinf(estimate.value):
            _infinite(name, lower_bounds.missed(both))
        method = (
            f"{name}: at least this, and how much more samples do not tell: q is known by {n} of them, kernels on half "
            "of them tell it from p on the other half"
        )
        if name == "kl":
            method += "; what p has where q has no samples counts as if q had just been missed there"
        return record(subject, name, estimate, unit=_unit(name), n=n, kind="lower bound", method=method)


def _infinite(name: str, share: float) -> None:
    """Refuse a number that JSON and a table have no place for.

    Raises:
        Unanswerable: always.
    """
    low, high = ("q", "p") if name == "kl" else ("p", "q")
    where = "p, the density of the data" if low == "p" else "q, the model's density"
    raise Unanswerable(
        f"metric={name} is infinite: {share:.2g} of {high}'s mass lies where {where}, is 0; "
        "metric=js and metric=tv are finite"
    )


def _grid(subject: Subject, resolution: int, particles: int, *, widenings: int = 0) -> Grid:
    """Both densities on a box that holds p, made half as wide again ``widenings`` times."""

    def make() -> Grid:
        density = density_of(subject.loaded)
        assert density is not None
        xmin, xmax, ymin, ymax = extent(subject.data.train.x)
        beyond = ((1 + 2 * MARGIN) * 1.5**widenings - 1) / 2
        dx, dy = beyond * (xmax - xmin), beyond * (ymax - ymin)
        box = (xmin - dx, xmax + dx, ymin - dy, ymax + dy)
        if isinstance(subject.model, GridNormalised):
            # its own box holds all its mass, which may lie further out
            own = subject.model.box
            box = (min(box[0], own[0]), max(box[1], own[1]), min(box[2], own[2]), max(box[3], own[3]))
        points = mesh(box, resolution)
        log_q = log_density(subject.model, points, seed=derive(subject.seed, "grid"), num_particles=particles)
        area = (box[1] - box[0]) * (box[3] - box[2]) / resolution**2
        square = (resolution, resolution)
        return Grid(density.log_prob(points).view(square), log_q.double().view(square), area)

    return subject.once(("grid", resolution, particles, widenings), make)


def _holding(subject: Subject, resolution: int, particles: int) -> Grid | None:
    """The smallest grid that holds q but for `NEGLIGIBLE` of it, if one does."""
    for widenings in range(WIDENINGS + 1):
        grid = _grid(subject, resolution, particles, widenings=widenings)
        if 1 - grid.mass <= NEGLIGIBLE:
            return grid
    return None


def _unit(name: str) -> str:
    return "probability" if name == "tv" else "nats"
