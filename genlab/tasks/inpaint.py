"""``task=inpaint``: parts of test pictures, and what Langevin chains put into the rest."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.evaluation.needs import pictures
from genlab.models.capabilities import SamplesByChain
from genlab.models.conditions import rows
from genlab.signatures.ranges import Frames, Text
from genlab.tasks._chained import chained
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.keep import keep_mask
from genlab.tasks.work import Work


class Inpaint(Task):
    """Test pictures of which a part is kept, and what chains put into the rest.

    Args:
        keep: half (of pictures the upper one) or another share, 0.25; of pictures also top, left, or a PNG of their
            size whose white pixels are kept.
        steps: frames of the chains' path in the arrays.
    """

    needs = (SamplesByChain, pictures)

    def __init__(self, *, keep: Text = "half", steps: Frames = 8) -> None:
        self.keep = keep
        self.steps = steps

    def draw(self, work: Work) -> Drawn:
        """Originals, what is kept of them beside noise, inpainted ones, and the path between the two."""
        model = work.model
        assert isinstance(model, SamplesByChain)  # `needs` says so
        keep = keep_mask(self.keep, work.spec)
        x, c = work.held_out(work.n)
        keep = keep.to(x.device)

        def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
            index = index.clamp_max(len(x) - 1)  # to fill the last block
            start = x[index]
            path = model.path(
                len(start), rows(c, index), frames=self.steps, start=start, keep=keep, generator=generator
            )
            return {"path": path.transpose(0, 1)}

        path = work.in_blocks(len(x), draw)["path"].transpose(0, 1)
        return chained(
            work,
            {"originals": x.cpu(), "masked": path[0]},
            path,
            result="inpainted",
            note=f"test pictures, what is kept of them ({self.keep}) beside noise, and after the chain",
        )
