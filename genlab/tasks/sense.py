"""``task=sense``: a few random measurements of pictures, and what they may have been: compressed sensing."""

from __future__ import annotations

import math
from typing import Literal

from genlab.errors import ConfigError
from genlab.evaluation.needs import pictures
from genlab.inverse.baselines import sparse
from genlab.inverse.operators import Gaussian
from genlab.signatures.ranges import NonNegativeFloat, Positive, Seed, Text
from genlab.tasks._problem import Asked, Problem
from genlab.tasks._restored import restored
from genlab.tasks._solvable import from_measurements
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work

MOST = 100
"""Measurements, where nobody says how many."""


class Sense(Task):
    """Random measurements of test pictures, and draws of what they may have been: compressed sensing.

    Args:
        m: how many measurements, each a product with numbers drawn from ``N(0, 1/m)``; fewer than values. auto: 100,
            or a quarter of the values where that is less.
        draw_of_a: seed of the numbers that measurements are products with.
        samples: draws for each picture; auto: 8, or none of pictures larger than the model's.
        method: closed_form, completion or another posterior sampler; auto: the most exact one that fits.
        noise: standard deviation of what is added to the measurements, white - black = 1.
        input: a picture or a folder of pictures of the data's size; None: test pictures.
    """

    needs = (pictures, from_measurements)

    def __init__(
        self,
        *,
        m: Positive | Literal["auto"] = "auto",
        draw_of_a: Seed = 0,
        samples: Positive | Literal["auto"] = "auto",
        method: Text = "auto",
        noise: NonNegativeFloat = 0.01,
        input: Text | None = None,
    ) -> None:
        self.asked = Asked(samples, method, noise, input)
        self.m = m
        self.draw_of_a = draw_of_a

    def draw(self, work: Work) -> Drawn:
        """Truth, what the measurements alone say, and draws.

        Raises:
            ConfigError: as many measurements as values.
        """
        return restored(work, self._problem, self.asked)

    def _problem(self, event: tuple[int, ...]) -> Problem:
        dim = math.prod(event)
        few = max(1, min(MOST, dim // 4))
        m = few if self.m == "auto" else self.m
        if m >= dim:
            raise ConfigError(f"m={m}: a picture of this data has {dim} values; give fewer, such as m={few}")
        operator = Gaussian(event, m, self.draw_of_a)
        return Problem(operator, lambda seen: operator.adjoint(seen.y), sparse)
