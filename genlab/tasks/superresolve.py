"""``task=superresolve``: small pictures, and what large ones they may come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from genlab.evaluation.needs import pictures
from genlab.inverse.baselines import bicubic
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Downsample
from genlab.signatures.ranges import NonNegativeFloat, Positive, Text
from genlab.tasks._problem import Asked, Problem
from genlab.tasks._restored import restored
from genlab.tasks._solvable import divisible, from_measurements
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work

Factor = Annotated[int, Field(ge=2)]


class Superresolve(Task):
    """Pictures made small, and draws of large ones that they may come from.

    Args:
        factor: of how many rows and columns one is made; divides height and width.
        kernel: box, their mean, or bicubic.
        samples: draws for each picture; auto: 8, or none of pictures larger than the model's.
        method: closed_form, completion or another posterior sampler; auto: the most exact one that fits.
        noise: standard deviation of what is added to the small pictures, white - black = 1.
        input: a picture or a folder of pictures; None: test pictures. Larger ones than the model's are restored whole,
            by a mixture or pPCA of their patches.
        measured: whether the pictures of input are the small ones; they are not scored then.
    """

    needs = (pictures, divisible, from_measurements)

    def __init__(
        self,
        *,
        factor: Factor = 2,
        kernel: Literal["box", "bicubic"] = "box",
        samples: Positive | Literal["auto"] = "auto",
        method: Text = "auto",
        noise: NonNegativeFloat = 0.01,
        input: Text | None = None,
        measured: bool = False,
    ) -> None:
        self.asked = Asked(samples, method, noise, input, measured, factor=factor)
        self.factor = factor
        self.kernel = kernel

    def draw(self, work: Work) -> Drawn:
        """Truth, small pictures, and draws."""
        return restored(work, self._problem, self.asked)

    def _problem(self, event: tuple[int, ...]) -> Problem:
        operator = Downsample(event, self.factor, self.kernel)

        def looks(seen: Observation) -> Tensor:
            small = seen.y.view(-1, *operator.seen)
            return small.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)

        return Problem(operator, looks, lambda seen, _: {"bicubic": bicubic(seen)})
