"""``task=inpaint``: parts of pictures, and what the rest may have been."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.evaluation.needs import pictures
from genlab.inverse.baselines import harmonic
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Mask
from genlab.signatures.ranges import Frames, NonNegativeFloat, Positive, Text
from genlab.tasks._problem import Asked, Problem
from genlab.tasks._restored import restored
from genlab.tasks._solvable import from_part
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.keep import keep_mask
from genlab.tasks.work import Work


class Inpaint(Task):
    """Pictures of which a part is kept, and draws of the rest.

    Args:
        keep: half (of pictures the upper one) or another share, 0.25; also top, left, or a PNG of their size whose
            white pixels are kept.
        samples: draws for each picture; auto: 8, or none of pictures larger than the model's.
        method: closed_form, completion, chain or another posterior sampler; auto: the most exact one that fits.
        noise: standard deviation of what is added to the kept pixels, white - black = 1; 0: they are exact.
        input: a picture or a folder of pictures; None: test pictures. Larger ones than the model's are restored whole,
            by a mixture or pPCA of their patches.
        measured: whether the pictures of input are noisy already; they are not scored then.
        steps: frames of the path in the arrays, of a model that samples by chains.
    """

    needs = (pictures, from_part)

    def __init__(
        self,
        *,
        keep: Text = "half",
        samples: Positive | Literal["auto"] = "auto",
        method: Text = "auto",
        noise: NonNegativeFloat = 0.0,
        input: Text | None = None,
        measured: bool = False,
        steps: Frames = 8,
    ) -> None:
        self.asked = Asked(samples, method, noise, input, measured, steps)
        self.keep = keep

    def draw(self, work: Work) -> Drawn:
        """Truth, kept part, and draws."""
        return restored(work, self._problem, self.asked)

    def _problem(self, event: tuple[int, ...]) -> Problem:
        operator = Mask(event, keep_mask(self.keep, DataSpec(event, 256)))

        def looks(seen: Observation) -> Tensor:
            return torch.where(operator.keep, operator.adjoint(seen.y), 0.5)

        return Problem(
            operator, looks, lambda seen, _: {"harmonic": harmonic(seen)}, ("originals", "masked", "inpainted")
        )
