"""Runge-Kutta methods for the probability flow ``dx/dt = v(x, t)``: Euler, midpoint, Heun, and the classical fourth.

With step h the error at the end falls as h, h^2, h^2 and h^4, and a step costs 1, 2, 2 and 4 evaluations of v. The same
functions go from noise to data and back: only the times are turned round.

"Score-Based Generative Modeling through Stochastic Differential Equations", Y. Song, J. Sohl-Dickstein, D. P. Kingma,
A. Kumar, S. Ermon, B. Poole, 2021, https://arxiv.org/abs/2011.13456
"Elucidating the Design Space of Diffusion-Based Generative Models", T. Karras, M. Aittala, T. Aila, S. Laine, 2022,
https://arxiv.org/abs/2206.00364 (Heun's method)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.ops.random import Generators
from genlab.samplers.process import Field, Observer, Process, at, march


class Tableau(NamedTuple):
    """A method of Butcher's: ``k_i = v(x + h sum_j a_ij k_j, t + c_i h)``, then ``x + h sum_i b_i k_i``.

    Attributes:
        stages: the row ``a_i`` of each stage, as many numbers as there are stages before it.
        weights: ``b``.
        order: of the error.
    """

    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    order: int

    @property
    def evaluations(self) -> int:
        """Of the velocity, in each step."""
        return len(self.weights)


EULER = Tableau(((),), (1.0,), 1)
MIDPOINT = Tableau(((), (0.5,)), (0.0, 1.0), 2)
HEUN = Tableau(((), (1.0,)), (0.5, 0.5), 2)
RK4 = Tableau(((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), 4)


def combined(x: Tensor, h: Tensor | float, weights: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
    """``x + h sum_i w_i k_i``; what has no weight costs nothing."""
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            x = x + (h * weight) * slope
    return x


def stepped(tableau: Tableau, velocity: Field, x: Tensor, t: Tensor, h: Tensor) -> Tensor:
    """One step of size ``h: ()`` from ``t: ()``."""
    slopes: list[Tensor] = []
    for stage in tableau.stages:
        slopes.append(velocity(combined(x, h, stage, slopes), at(t + sum(stage) * h, x)))
    return combined(x, h, tableau.weights, slopes)


def solved(tableau: Tableau, process: Process, x: Tensor, times: Tensor, observe: Observer | None) -> Tensor:
    """``x`` at ``times[0]`` carried along the flow to ``times[-1]``."""

    def step(x: Tensor, row: Sequence[Tensor], _: Tensor) -> Tensor:
        return stepped(tableau, process.velocity, x, *row)

    return march(step, x, torch.stack([times[:-1], times.diff()], 1), observe=observe)


def euler(
    process: Process, x: Tensor, times: Tensor, *, generator: Generators = None, observe: Observer | None = None
) -> Tensor:
    """Euler's method: order 1, one evaluation a step; see `genlab.samplers.process.Sampler`."""
    return solved(EULER, process, x, times, observe)


def midpoint(
    process: Process, x: Tensor, times: Tensor, *, generator: Generators = None, observe: Observer | None = None
) -> Tensor:
    """The midpoint method: order 2, two evaluations a step; see `genlab.samplers.process.Sampler`."""
    return solved(MIDPOINT, process, x, times, observe)


def heun(
    process: Process, x: Tensor, times: Tensor, *, generator: Generators = None, observe: Observer | None = None
) -> Tensor:
    """Heun's method: order 2, two evaluations a step; see `genlab.samplers.process.Sampler`."""
    return solved(HEUN, process, x, times, observe)


def rk4(
    process: Process, x: Tensor, times: Tensor, *, generator: Generators = None, observe: Observer | None = None
) -> Tensor:
    """The classical Runge-Kutta method: order 4, four evaluations a step; see `genlab.samplers.process.Sampler`."""
    return solved(RK4, process, x, times, observe)
