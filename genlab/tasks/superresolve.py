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
from genlab.tasks._restored import Asked, Problem, restored
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
        samples: draws for each picture.
        method: closed_form, completion or another posterior sampler; auto: the most exact one that fits.
        noise: standard deviation of what is added to the small pictures, white - black = 1.
        input: a picture or a folder of pictures of the data's size; None: test pictures.
        measured: whether the pictures of input are the small ones; they are not scored then.
    """

    needs = (pictures, divisible, from_measurements)

    def __init__(
        self,
        *,
        factor: Factor = 2,
        kernel: Literal["box", "bicubic"] = "box",
        samples: Positive = 8,
        method: Text = "auto",
        noise: NonNegativeFloat = 0.01,
        input: Text | None = None,
        measured: bool = False,
    ) -> None:
        self.asked = Asked(samples, method, noise, input, measured)
        self.factor = factor
        self.kernel = kernel

    def draw(self, work: Work) -> Drawn:
        """Truth, small pictures, and draws."""
        operator = Downsample(work.spec.event_shape, self.factor, self.kernel)

        def looks(seen: Observation) -> Tensor:
            small = seen.y.view(-1, *operator.seen)
            return small.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)

        return restored(
            work,
            Problem(operator, looks, lambda seen, _: {"bicubic": bicubic(seen)}),
            self.asked,
        )
