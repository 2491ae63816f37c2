"""``task=colourise``: grey pictures, and what colours they may have had."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from genlab.evaluation.needs import pictures
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Grey
from genlab.signatures.ranges import NonNegativeFloat, Positive, Text
from genlab.tasks._problem import Asked, Problem
from genlab.tasks._restored import restored
from genlab.tasks._solvable import colours, from_measurements
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work


class Colourise(Task):
    """Grey pictures, and draws of the colours that they may have had.

    Args:
        samples: draws for each picture; auto: 8, or none of pictures larger than the model's.
        method: closed_form, completion or another posterior sampler; auto: the most exact one that fits.
        noise: standard deviation of what is added to the grey pictures, white - black = 1.
        input: a picture or a folder of pictures; None: test pictures. Larger ones than the model's are restored whole,
            by a mixture or pPCA of their patches.
        measured: whether the pictures of input are grey already; they are not scored then.
    """

    needs = (pictures, colours, from_measurements)

    def __init__(
        self,
        *,
        samples: Positive | Literal["auto"] = "auto",
        method: Text = "auto",
        noise: NonNegativeFloat = 0.01,
        input: Text | None = None,
        measured: bool = False,
    ) -> None:
        self.asked = Asked(samples, method, noise, input, measured)

    def draw(self, work: Work) -> Drawn:
        """Truth, grey pictures, and draws."""
        return restored(work, _problem, self.asked)


def _problem(event: tuple[int, ...]) -> Problem:
    operator = Grey(event)

    def looks(seen: Observation) -> Tensor:
        return seen.y.view(-1, *operator.seen).expand(-1, *operator.event)

    return Problem(operator, looks, lambda seen, _: {"grey": looks(seen).clamp(0, 1)})
