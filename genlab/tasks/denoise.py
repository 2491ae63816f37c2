"""``task=denoise``: pictures with noise on them, and what they may have been."""

from __future__ import annotations

from typing import Literal

from genlab.evaluation.needs import pictures
from genlab.inverse.baselines import denoised
from genlab.inverse.operators import Identity
from genlab.signatures.ranges import Frames, Positive, PositiveFloat, Text
from genlab.tasks._problem import Asked, Problem
from genlab.tasks._restored import restored
from genlab.tasks._solvable import from_noise
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work


class Denoise(Task):
    """Pictures with noise on them, and draws of what was behind it.

    Args:
        noise: its standard deviation, white - black = 1.
        samples: draws for each picture; auto: 8, or none of pictures larger than the model's.
        method: closed_form, completion, chain or another posterior sampler; auto: the most exact one that fits.
        input: a picture or a folder of pictures; None: test pictures. Larger ones than the model's are restored whole,
            by a mixture or pPCA of their patches.
        measured: whether the pictures of input are noisy already; they are not scored then.
        steps: frames of the path in the arrays, of a model that samples by chains.
    """

    needs = (pictures, from_noise)

    def __init__(
        self,
        *,
        noise: PositiveFloat = 0.3,
        samples: Positive | Literal["auto"] = "auto",
        method: Text = "auto",
        input: Text | None = None,
        measured: bool = False,
        steps: Frames = 8,
    ) -> None:
        self.asked = Asked(samples, method, noise, input, measured, steps)

    def draw(self, work: Work) -> Drawn:
        """Truth, noisy pictures, and draws."""
        return restored(work, _problem, self.asked)


def _problem(event: tuple[int, ...]) -> Problem:
    operator = Identity(event)
    return Problem(
        operator,
        lambda seen: operator.adjoint(seen.y),
        lambda seen, truth: {"noisy input": operator.adjoint(seen.y), "total variation": denoised(seen, truth)},
        ("originals", "noisy", "denoised"),
    )
