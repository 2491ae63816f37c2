"""What Langevin chains have made of test pictures: what denoise and inpaint share."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from genlab.evaluation.artefacts.grids import stacked
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import Work


def chained(work: Work, before: dict[str, Tensor], path: Tensor, *, result: str, note: str) -> Drawn:
    """What chains have made of pictures: row by row the pictures ``before``, then the last frame of ``path``.

    The arrays also have the whole path, and the note the root mean square errors against the first of ``before``.
    """
    found = {**before, result: path[-1]}
    shown = work.fitting(path.shape[1], each=len(found))
    picture = partial(stacked, [part[:shown] for part in found.values()], work.spec)
    original, *others = found
    top = (work.spec.levels or 256) - 1
    errors = [
        f"{name} {(found[name].double() - found[original]).div(top).square().mean().sqrt().item():.3f}"
        for name in others
    ]
    arrays = {name: value.cpu().numpy() for name, value in {**found, "path": path}.items()}
    note += told(shown, path.shape[1])
    return Drawn(picture, arrays, f"{note}; root mean square error, white - black = 1: {', '.join(errors)}")
