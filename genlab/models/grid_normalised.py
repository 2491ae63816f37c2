"""Normalising a two-dimensional energy by quadrature, given a label for each class by itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.data.spaces import Label
from genlab.errors import TrainingError
from genlab.models.capabilities import ExactLikelihood, UnnormalisedDensity
from genlab.models.conditions import check_condition
from genlab.models.numerical import Numerical

MARGIN = 0.25
"""The box goes beyond the data by this part of their extent."""

NEGLIGIBLE = 1e-6
"""The outermost ring of cells may hold this much of the mass."""

WIDENINGS = 8
"""The box is made half as wide again at most this often."""


class GridNormalised(ExactLikelihood, Numerical):
    """``log p(x) = -E(x) - log Z`` with ``Z`` by the midpoint rule on a grid over a box that holds the mass.

    ``log Z = log sum_i exp(-E(c_i)) + log area(cell)`` over the centres ``c_i`` of the cells, in float64. The error of
    the rule falls with the square of the cell's side, and faster for smooth densities that vanish at the border.

    Args:
        model: an energy on the plane.
        bounds: ``(xmin, xmax, ymin, ymax)`` that the box must hold: the data's extent.
        resolution: cells per side.

    Attributes:
        box: ``(xmin, xmax, ymin, ymax)`` of the grid: outside it the density is 0.
        log_normaliser: ``log Z``, ``() float64``; of a model that is given a label, ``(classes,)``.

    Raises:
        ValueError: data that are not points in the plane.
        TrainingError: no box holds the mass: the energy is not finite, or falls outwards.
    """

    def __init__(
        self, model: UnnormalisedDensity, *, bounds: tuple[float, float, float, float], resolution: int = 400
    ) -> None:
        super().__init__()
        if not on_plane(model):
            raise ValueError(f"a grid is for points in the plane, this data is {model.spec.event_shape}")
        self.model = model
        self.train(model.training)
        self.spec, self.given = model.spec, model.given
        self.resolution = resolution
        xmin, xmax, ymin, ymax = bounds
        centre, half = ((xmin + xmax) / 2, (ymin + ymax) / 2), ((xmax - xmin) / 2, (ymax - ymin) / 2)
        for widening in range(WIDENINGS + 1):
            factor = (1 + 2 * MARGIN) * 1.5**widening
            (cx, cy), (hx, hy) = centre, (half[0] * factor, half[1] * factor)
            self.box = (cx - hx, cx + hx, cy - hy, cy + hy)
            log_mass = torch.stack([self._log_mass(y) for y in self._classes()])
            total = log_mass.logsumexp(1, keepdim=True)
            border = (log_mass - total).exp().view(-1, resolution, resolution)
            inner = border[:, 1:-1, 1:-1].flatten(1).sum(1).min().item()
            if total.isfinite().all() and 1 - inner < NEGLIGIBLE:
                break
        else:
            raise TrainingError(
                f"the energy cannot be normalised: the box {tuple(round(side, 2) for side in self.box)} does not hold "
                f"its mass ({inner:.3g} inside); train for longer or with a smaller optim.lr"
            )
        self.log_normaliser = total[:, 0] if self.given is not None else total[0, 0]
        self._probabilities = (log_mass - total).exp()

    def _classes(self) -> list[int | None]:
        """What the energy is given in turn: every class, or nothing."""
        return [*range(self.given.num_classes)] if isinstance(self.given, Label) else [None]

    @property
    def method(self) -> str:
        """How it is normalised, in a few words."""
        box = ", ".join(f"{side:.2f}" for side in self.box)
        return f"normalised on a grid of {self.resolution} x {self.resolution} cells over ({box})"

    @property
    def _cell(self) -> tuple[float, float]:
        xmin, xmax, ymin, ymax = self.box
        return (xmax - xmin) / self.resolution, (ymax - ymin) / self.resolution

    def _centres(self) -> Tensor:
        """``(R * R, 2)``: the cells' centres, rows of equal y."""
        like = next(self.model.parameters())
        step = torch.arange(self.resolution, device=like.device, dtype=like.dtype) + 0.5
        xmin, _, ymin, _ = self.box
        dx, dy = self._cell
        y, x = torch.meshgrid(ymin + step * dy, xmin + step * dx, indexing="ij")
        return torch.stack([x.flatten(), y.flatten()], 1)

    @torch.no_grad()
    def _log_mass(self, y: int | None) -> Tensor:
        """``-E(centre) + log area`` of every cell, of the class y, ``(R * R,)`` float64 on the CPU."""
        dx, dy = self._cell
        training = self.model.training
        self.model.eval()
        parts = []
        for part in self._centres().split(8192):
            c = None if y is None else torch.full((len(part),), y, device=part.device)
            parts.append(self.model.energy(part, c).cpu().double())
        self.model.train(training)
        energy = torch.cat(parts)
        return math.log(dx) + math.log(dy) - energy

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B,)`` nats, float64; ``-inf`` outside the box."""
        xmin, xmax, ymin, ymax = self.box
        inside = (x[:, 0] >= xmin) & (x[:, 0] <= xmax) & (x[:, 1] >= ymin) & (x[:, 1] <= ymax)
        log_z = self.log_normaliser.to(x.device)
        return torch.where(inside, -self.model.energy(x, c).double() - (log_z if c is None else log_z[c]), -math.inf)

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``(n, 2)`` float32: a cell by its mass, uniform within it; no chain."""
        device = "cpu" if generator is None else generator.device
        check_condition(self.given, c)
        index = torch.empty(n, dtype=torch.int64, device=device)
        for y, p in zip(self._classes(), self._probabilities.to(device), strict=True):
            rows = torch.arange(n, device=device)
            if c is not None and y is not None:
                rows = torch.eq(c.to(device), y).nonzero()[:, 0]
            if len(rows):
                index[rows] = torch.multinomial(p, len(rows), replacement=True, generator=generator)
        within = torch.rand(n, 2, generator=generator, device=device) - 0.5
        where = next(self.model.parameters()).device
        return self._centres()[index.to(where)] + within.to(where) * torch.tensor(self._cell, device=where)


def on_plane(model: object) -> bool:
    """Whether the model is an energy on the plane, which a grid normalises."""
    if not isinstance(model, UnnormalisedDensity) or not (model.given is None or isinstance(model.given, Label)):
        return False  # there is a normaliser for every vector that it could be given
    return model.spec.levels is None and model.spec.event_shape == (2,)


def extent(x: Tensor) -> tuple[float, float, float, float]:
    """``(xmin, xmax, ymin, ymax)`` of points ``(N, 2)``."""
    (xmin, ymin), (xmax, ymax) = x.amin(0).tolist(), x.amax(0).tolist()
    return xmin, xmax, ymin, ymax
