"""``task=reconstruct``: test examples and what the model makes of their latents."""

from __future__ import annotations

from functools import partial

import torch

from genlab.evaluation.artefacts.grids import stacked
from genlab.models.capabilities import DecodesLatents, EncodesLatents
from genlab.models.conditions import rows
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.store import Stored
from genlab.tasks.work import Work


class Reconstruct(Task):
    """Test pictures, and what the model makes of their latents."""

    needs = (DecodesLatents, EncodesLatents)

    def draw(self, work: Work) -> Drawn:
        """Originals and reconstructions."""
        x, c = work.held_out(work.n)
        model, n = work.model, len(x)
        again: Stored | None = None
        assert isinstance(model, DecodesLatents)  # `needs` says so
        assert isinstance(model, EncodesLatents)
        for index in torch.arange(len(x), device=x.device).split(work.batch_size):
            own = rows(c, index)
            part = model.decode(model.encode(x[index], own), own)
            again = again or Stored((n, *part.shape[1:]), part.dtype, folder=work.folder)
            again.write(int(index[0]), part)
        assert again is not None
        x, shown = x.cpu(), work.fitting(n, each=2)
        arrays = {"originals": x.numpy(), "reconstructions": again.tensor.numpy()}
        sheet = partial(stacked, [x[:shown], again.tensor[:shown]], work.spec)
        return Drawn(sheet, arrays, f"test examples, and below each row its reconstruction E[x | z]{told(shown, n)}")
