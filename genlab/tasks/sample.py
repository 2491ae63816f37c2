"""``task=sample``: draws from the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.data.lengths import ended
from genlab.data.spaces import Label, Vector
from genlab.evaluation.artefacts.chains import animation, strip
from genlab.evaluation.artefacts.clouds import cloud, is_cloud
from genlab.evaluation.artefacts.draw import plane_density
from genlab.evaluation.artefacts.explain import picture
from genlab.evaluation.artefacts.explain import shown as shown_of
from genlab.evaluation.artefacts.grids import encoded
from genlab.evaluation.artefacts.media import media
from genlab.models.capabilities import (
    Autoregressive,
    DecodesLatents,
    GenerativeModel,
    SamplesByChain,
    Tempered,
    Truncated,
)
from genlab.models.conditions import rows
from genlab.models.gan.implicit import ImplicitModel
from genlab.signatures.ranges import PositiveFloat
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import BLOCK, Work

TRAJECTORY_FRAMES = 20
"""Times at which ``trajectory=true`` looks at the chains."""


class Sample(Task):
    """Draws from the model.

    Args:
        temperature: times the prior's draws, for models with a density to sharpen (flows).
        truncation: latents beyond it are not drawn, for models of pictures from noise (GANs); None: all are.
        trajectory: also the chain on its way, as a strip and a GIF, for models that sample by a chain.
    """

    needs = (GenerativeModel,)
    needs_with: ClassVar = {"temperature": (Tempered,), "truncation": (Truncated,), "trajectory": (SamplesByChain,)}

    def __init__(
        self, *, temperature: PositiveFloat = 1.0, truncation: PositiveFloat | None = None, trajectory: bool = False
    ) -> None:
        self.temperature = temperature
        self.truncation = truncation
        self.trajectory = trajectory

    def draw(self, work: Work) -> Drawn:
        """Samples, what goes with them (latents, means, labels, the chains' trajectory), and how they look."""
        given = work.conditions(-(-work.n // BLOCK) * BLOCK)
        drawn = self._drawn(work, given)
        path = drawn.pop("trajectory").transpose(0, 1) if self.trajectory else None
        arrays = {name: value.numpy() for name, value in drawn.items()}
        if given is not None:
            arrays["y" if isinstance(work.model.given, Label) else "c"] = given[: work.n].cpu().numpy()
        if path is not None:
            arrays["trajectory"] = path.numpy()
        files = {} if path is None else _moving(work, path)
        samples = torch.from_numpy(arrays["samples"])
        spec = work.spec
        if not is_cloud(spec.space):
            return self._grid(work, arrays, files | media(spec.space, samples, ended(spec.space, samples)))
        if spec.space not in (Vector(1, spec.levels), Vector(2)):  # of which a density can be drawn
            note = "samples, one dimension against another"
            return Drawn(partial(cloud, spec, samples, data=None), arrays, note, files)

        def picture() -> np.ndarray:
            data = work.data()
            log_prob, name = (None, "") if given is not None else plane_density(work.model, data, seed=work.seed)
            return cloud(spec, samples, data=data.val.x, truth=data.density, log_prob=log_prob, log_prob_name=name)

        return Drawn(picture, arrays, f"samples beside the {'data' if spec.dim == 1 else 'truth'}", files)

    def _drawn(self, work: Work, given: Tensor | None) -> dict[str, Tensor]:
        """``samples`` and what comes with them, ``(n, ...)`` each."""
        model = work.model
        heat: dict[str, Any] = {"temperature": self.temperature} if isinstance(model, Tempered) else {}
        if isinstance(model, Truncated):
            heat["truncation"] = self.truncation

        def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
            c = rows(given, index)
            if self.trajectory:
                assert isinstance(model, SamplesByChain)  # `needs_with` says so
                path = model.path(len(index), c, frames=TRAJECTORY_FRAMES, generator=generator)
                return {"samples": path[-1], "trajectory": path.transpose(0, 1)}
            if isinstance(model, DecodesLatents):
                return _with_means(model, c, len(index), generator, heat)
            if isinstance(model, Autoregressive):
                return {"samples": model.sample(len(index), c, generator=generator, progress=work.bar("sample"))}
            return {"samples": model.sample(len(index), c, generator=generator, **heat)}

        return work.in_blocks(work.n, draw)

    def _grid(self, work: Work, arrays: dict[str, np.ndarray], files: dict[str, Callable[[], bytes]]) -> Drawn:
        """Pictures in a grid: a row of each class in turn, if there are few."""
        model, spec, n = work.model, work.spec, work.n
        means = "means" in arrays and not isinstance(model, ImplicitModel)  # whose sample is its mean, rounded
        pictures = torch.from_numpy(arrays["means" if means else "samples"])
        classes = spec.num_classes or 99
        columns = classes if "y" in arrays and work.label is None and classes <= 16 else None
        note = "the grid shows E[x | z], the array also draws x ~ p(x | z)" if means else "samples"
        note = f"samples at temperature {self.temperature}" if isinstance(model, Tempered) else note
        note = f"samples of latents up to {self.truncation}" if self.truncation is not None else note
        shown = shown_of(spec.space, work.fitting(n))
        shown -= shown % columns if columns and columns < shown < n else 0  # no row of classes is cut
        return Drawn(
            partial(picture, spec, pictures[:shown], columns=columns), arrays, f"{note}{told(shown, n)}", files
        )


def _moving(work: Work, path: Tensor) -> dict[str, Callable[[], bytes]]:
    """The chains on their way, ``(frames, n, *event_shape)``, as a strip and a GIF."""
    spec = work.spec
    shown = path if is_cloud(spec.space) else path[:, : work.fitting(work.n)]
    return {"strip.png": lambda: encoded(strip(shown, spec)), "gif": partial(animation, shown, spec)}


def _with_means(
    model: DecodesLatents, c: Tensor | None, n: int, generator: torch.Generator, settings: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Samples and the means of the same latents, so that the grid shows what the array holds."""
    again = torch.Generator(generator.device)
    again.set_state(generator.get_state())
    samples = model.sample(n, c, generator=generator, **settings)
    z = model.sample_latents(n, c, generator=again, **settings)
    return {"samples": samples, "means": model.decode(z, c), "latents": z}
