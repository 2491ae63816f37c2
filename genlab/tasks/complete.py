"""``task=complete``: a part of test examples is kept, the rest is drawn by an autoregressive model."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from genlab.data.spaces import InTime
from genlab.evaluation.artefacts.grids import stacked
from genlab.evaluation.needs import in_time
from genlab.models.capabilities import Autoregressive
from genlab.models.conditions import rows
from genlab.signatures.ranges import Positive, PositiveFloat, Text
from genlab.tasks._continued import continued
from genlab.tasks._step_by_step import Cut, TopP
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.keep import keep_mask
from genlab.tasks.work import Work


class Complete(Task):
    """Test examples of which a part is kept, and the rest drawn pixel by pixel or step by step.

    Args:
        keep: half (of pictures the upper one) or another share, 0.25; of pictures also top, left, or a PNG of their
            size whose white pixels are kept.
        temperature: of a sequence, what logits are divided by: below 1 likelier steps, above 1 stranger ones.
        top_k: only the k likeliest values of a step are drawn, for models of sequences; None: all.
        top_p: only the likeliest values are drawn that together have this probability; None: all.
    """

    needs = (Autoregressive,)
    needs_with: ClassVar = {"temperature": (in_time,), "top_k": (in_time,), "top_p": (in_time,)}

    def __init__(
        self,
        *,
        keep: Text = "half",
        temperature: PositiveFloat = 1.0,
        top_k: Positive | None = None,
        top_p: TopP | None = None,
    ) -> None:
        self.keep = keep
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p

    def draw(self, work: Work) -> Drawn:
        """Originals, what of them is kept, and completions."""
        model, spec = work.model, work.spec
        if isinstance(spec.space, InTime):
            return continued(work, self.keep, Cut(self.temperature, self.top_k, self.top_p))
        assert isinstance(model, Autoregressive)  # `needs` says so
        where = work.device
        mask = keep_mask(self.keep, spec)
        x, c = work.held_out(work.n)

        def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
            index = index.clamp_max(len(x) - 1)  # to fill the last block
            own, bar = rows(c, index), work.bar("complete")
            done = model.complete(x[index], mask.to(where), own, generator=generator, progress=bar)
            return {"done": done}

        done = work.in_blocks(len(x), draw)["done"]
        originals = x.cpu()
        assert spec.levels is not None
        count = work.fitting(len(x), each=3)
        first = originals[:count]
        shown = torch.where(mask, first.float(), (spec.levels - 1) / 2)
        conditional = (
            "each a draw from the exact conditional"
            if is_prefix(mask)
            else "pixel by pixel given all before it: a pixel does not know the kept ones that come after it"
        )
        arrays = {"originals": originals.numpy(), "keep": mask.numpy(), "completions": done.numpy()}
        note = f"test pictures, below each row what is kept, below that the completions, {conditional}"
        note += told(count, len(x))
        return Drawn(partial(stacked, [first, shown, done[:count]], spec), arrays, note)


def is_prefix(mask: Tensor) -> bool:
    """Whether the kept pixels are the first ones, row by row."""
    flat = mask.flatten()
    return bool(flat[: int(flat.sum())].all())
