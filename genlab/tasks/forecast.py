"""``task=forecast``: test videos, and what the model foresees after their past."""

from __future__ import annotations

from functools import partial

import torch

from genlab.data.spaces import Video
from genlab.evaluation.artefacts.foresight import film, sheet
from genlab.evaluation.ensembles import Forecasts, foreseen
from genlab.evaluation.needs import past_frames
from genlab.models.forecaster import Forecaster
from genlab.signatures.ranges import Positive
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import Work

SHOWN, MOVING = 2, 2
"""Examples in the sheet, and in the GIF."""


class Forecast(Task):
    """Test videos: the past, what came, and forecasts of it; of an ensemble its mean and its spread; as a GIF too.

    Args:
        members: draws of the ensemble, of models that draw.
    """

    needs = (past_frames,)

    def __init__(self, *, members: Positive = 8) -> None:
        self.members = members

    def draw(self, work: Work) -> Drawn:
        """Past, truth, members, and of several their mean and spread in what is measured."""
        space = work.spec.space
        assert isinstance(space, Video)  # `needs` says so
        x, past = work.held_out(work.n)
        assert past is not None
        members = foreseen(work.model, past.cpu(), members=self.members, seed=work.seed, progress=work.bar("forecasts"))
        found = Forecasts(space, past.cpu(), x.cpu(), members)
        arrays = {"past": found.past, "truth": found.truth, "members": members.transpose(0, 1)}
        if len(members) > 1:
            arrays |= {"mean": found.mean(), "spread": found.spread()}
        how = "the model's forecast" if isinstance(work.model, Forecaster) else f"an ensemble of {len(members)}"
        shown = min(SHOWN, len(x))
        return Drawn(
            partial(sheet, found, range(shown)),
            {name: torch.as_tensor(each).numpy() for name, each in arrays.items()},
            f"test videos, the past first, and {how}{told(shown, len(x))}",
            {"gif": partial(film, found, range(min(MOVING, len(x))))},
        )
