"""``task=sample``: draws from the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec, Label, Tokens, Vector
from genlab.data.text.captions import caption
from genlab.errors import ConfigError
from genlab.evaluation.artefacts.chains import animation, strip
from genlab.evaluation.artefacts.clouds import cloud, is_cloud
from genlab.evaluation.artefacts.draw import plane_density
from genlab.evaluation.artefacts.explain import picture
from genlab.evaluation.artefacts.explain import shown as shown_of
from genlab.evaluation.artefacts.grids import encoded
from genlab.evaluation.artefacts.media import media
from genlab.evaluation.needs import in_time, prompted
from genlab.models.capabilities import (
    Autoregressive,
    DecodesLatents,
    GenerativeModel,
    SamplesByChain,
    Sequential,
    Tempered,
    Truncated,
)
from genlab.models.conditions import rows
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.gan.implicit import ImplicitModel
from genlab.samplers import SamplerName
from genlab.signatures.ranges import NonNegativeFloat, Positive, PositiveFloat, Text
from genlab.tasks._along_path import AlongPath, guidable
from genlab.tasks._step_by_step import StepByStep, TopP, sized
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn, told
from genlab.tasks.work import BLOCK, Work

TRAJECTORY_FRAMES = 20
"""Times at which ``trajectory=true`` looks at the chains."""


class Sample(Task):
    """Draws from the model.

    Args:
        temperature: times the prior's draws, for models with a density to sharpen (flows); of a sequence, what logits
            are divided by: below 1 likelier steps, above 1 stranger ones.
        truncation: latents beyond it are not drawn, for models of pictures from noise (GANs); None: all are.
        trajectory: also the draws on their way from noise, as a strip and a GIF, for models that sample by a chain
            or along a path.
        steps: of a draw, for models that sample along a path from noise; None: the model's own.
        sampler: which goes along it: ancestral, ddim, dpm_solver, euler, heun ...; None: the model's own.
        guidance: how much the condition counts there: 0 not at all, 1 as learned, more exaggerates.
        prompt: what all draws begin with, for models of sequences: a text, or of what is no text a file; for models
            that are given a caption the caption.
        length: steps of a draw (of text its characters, bytes or pieces), the prompt's too, for models of sequences;
            None: as many as the data's examples have.
        top_k: only the k likeliest values of a step are drawn, for models of sequences; None: all.
        top_p: only the likeliest values are drawn that together have this probability; None: all.
    """

    needs = (GenerativeModel,)
    needs_with: ClassVar = {
        "temperature": (Tempered | Sequential,),
        "truncation": (Truncated,),
        "trajectory": (SamplesByChain | SamplesAlongPath,),
        "steps": (SamplesAlongPath,),
        "sampler": (SamplesAlongPath,),
        "guidance": (SamplesAlongPath, guidable),
        "prompt": (prompted,),
        "length": (in_time,),
        "top_k": (Sequential,),
        "top_p": (Sequential,),
    }

    def __init__(
        self,
        *,
        temperature: PositiveFloat = 1.0,
        truncation: PositiveFloat | None = None,
        trajectory: bool = False,
        steps: Positive | None = None,
        sampler: SamplerName | None = None,
        guidance: NonNegativeFloat = 1.0,
        prompt: Text | None = None,
        length: Positive | None = None,
        top_k: Positive | None = None,
        top_p: TopP | None = None,
    ) -> None:
        self.temperature = temperature
        self.truncation = truncation
        self.trajectory = trajectory
        self.steps = steps
        self.sampler = sampler
        self.guidance = guidance
        self.prompt = prompt
        self.length = length
        self.top_k = top_k
        self.top_p = top_p

    @property
    def _along_path(self) -> AlongPath:
        return AlongPath(self.steps, self.sampler, self.guidance)

    @property
    def _step_by_step(self) -> StepByStep:
        return StepByStep(self.prompt, self.length, self.temperature, self.top_k, self.top_p)

    def _given(self, work: Work) -> Tensor | None:
        """The condition of each draw; of captions the prompt, or those of the test split in turn."""
        n, space = -(-work.n // BLOCK) * BLOCK, work.model.given
        if not isinstance(space, Tokens) or self.prompt is None:
            return work.conditions(n)
        try:
            return caption(space, self.prompt).to(work.device).expand(n, -1)
        except ConfigError as error:
            raise ConfigError(f"prompt: {error}") from error

    def draw(self, work: Work) -> Drawn:
        """Samples, what goes with them (latents, means, labels, the chains' trajectory), and how they look."""
        given = self._given(work)
        drawn, note = self._drawn(work, given)
        path = drawn.pop("trajectory").transpose(0, 1) if self.trajectory else None
        arrays = {name: value.numpy() for name, value in drawn.items()}
        if given is not None:
            arrays["y" if isinstance(work.model.given, Label) else "c"] = given[: work.n].cpu().numpy()
        if path is not None:
            arrays["trajectory"] = path.numpy()
        files = {} if path is None else _moving(work, path)
        if isinstance(work.model.given, Tokens):
            files |= media(work.model.given, torch.from_numpy(arrays["c"]))
        samples = torch.from_numpy(arrays["samples"])
        spec = sized(work.spec, samples)
        if not is_cloud(spec.space):
            return self._grid(work, spec, arrays, files | media(spec.space, samples, drawn.get("lengths")), note)
        if spec.space not in (Vector(1, spec.levels), Vector(2)):  # of which a density can be drawn
            note += ", one dimension against another"
            return Drawn(partial(cloud, spec, samples, data=None), arrays, note, files)

        def picture() -> np.ndarray:
            data = work.data()
            log_prob, name = (None, "") if given is not None else plane_density(work.model, data, seed=work.seed)
            return cloud(spec, samples, data=data.val.x, truth=data.density, log_prob=log_prob, log_prob_name=name)

        return Drawn(picture, arrays, f"{note} beside the {'data' if spec.dim == 1 else 'truth'}", files)

    def _drawn(self, work: Work, given: Tensor | None) -> tuple[dict[str, Tensor], str]:
        """``samples`` and what comes with them, ``(n, ...)`` each; and what they are, in a few words."""
        model = work.model
        if isinstance(model, Sequential):
            return self._step_by_step.draws(work, given)
        heat: dict[str, Any] = {"temperature": self.temperature} if isinstance(model, Tempered) else {}
        if isinstance(model, Truncated):
            heat["truncation"] = self.truncation

        def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
            c = rows(given, index)
            if isinstance(model, SamplesAlongPath):
                return self._along_path.draw(model, len(index), c, trajectory=self.trajectory, generator=generator)
            if self.trajectory:
                assert isinstance(model, SamplesByChain)  # `needs_with` says so
                path = model.path(len(index), c, frames=TRAJECTORY_FRAMES, generator=generator)
                return {"samples": path[-1], "trajectory": path.transpose(0, 1)}
            if isinstance(model, DecodesLatents):
                return _with_means(model, c, len(index), generator, heat)
            if isinstance(model, Autoregressive):
                return {"samples": model.sample(len(index), c, generator=generator, progress=work.bar("sample"))}
            return {"samples": model.sample(len(index), c, generator=generator, **heat)}

        note = f"samples at temperature {self.temperature}" if isinstance(model, Tempered) else "samples"
        note = f"samples of latents up to {self.truncation}" if self.truncation is not None else note
        note = self._along_path.note(model) if isinstance(model, SamplesAlongPath) else note
        return work.in_blocks(work.n, draw), note

    def _grid(
        self,
        work: Work,
        spec: DataSpec,
        arrays: dict[str, np.ndarray],
        files: dict[str, Callable[[], bytes]],
        note: str,
    ) -> Drawn:
        """Pictures in a grid: a row of each class in turn, if there are few."""
        model, n = work.model, work.n
        means = "means" in arrays and not isinstance(model, ImplicitModel)  # whose sample is its mean, rounded
        pictures = torch.from_numpy(arrays["means" if means else "samples"])
        classes = spec.num_classes or 99
        columns = classes if "y" in arrays and work.label is None and classes <= 16 else None
        note = "the grid shows E[x | z], the array also draws x ~ p(x | z)" if means and note == "samples" else note
        lengths = torch.from_numpy(arrays["lengths"]) if "lengths" in arrays else None
        shown = shown_of(spec.space, work.fitting(n))
        shown -= shown % columns if columns and columns < shown < n else 0  # no row of classes is cut
        return Drawn(
            partial(picture, spec, pictures[:shown], None if lengths is None else lengths[:shown], columns=columns),
            arrays,
            f"{note}{told(shown, n)}",
            files,
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
