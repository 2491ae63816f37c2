"""The standard pictures of a model: what a validation draws, from fixed seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from genlab.data.dataset import Dataset, Split
from genlab.data.spaces import Label, Vector
from genlab.errors import GenlabError
from genlab.evaluation.artefacts import translations
from genlab.evaluation.artefacts.clouds import cloud, is_cloud
from genlab.evaluation.artefacts.explain import picture, shown
from genlab.evaluation.artefacts.grids import stacked
from genlab.evaluation.artefacts.latents import device_of, given
from genlab.evaluation.artefacts.media import media
from genlab.evaluation.validate import with_likelihood
from genlab.models.capabilities import (
    DecodesLatents,
    EncodesLatents,
    ExactLikelihood,
    GenerativeModel,
    LikelihoodBound,
    Sequential,
)
from genlab.models.conditions import rows
from genlab.models.grid_normalised import GridNormalised
from genlab.models.translating import Translator
from genlab.ops.eval_mode import evaluating

PLANE_SAMPLES = 4000
PLANE_PARTICLES = 100


def class_cycle(n: int, num_classes: int) -> Tensor:
    """Labels ``0, 1, 2, ..., 0, 1, ...``, ``(n,) int64``."""
    return torch.arange(n) % num_classes


def columns_of(classes: int | None) -> int | None:
    """How wide a grid of draws of every class in turn is: a column for each, where there are not too many."""
    return classes if classes is not None and classes <= 16 else None


def in_turn(model: GenerativeModel, n: int, examples: Split) -> Tensor | None:
    """Conditions of ``n`` draws, on the model's device: all classes in turn, or those of the examples; None without."""
    if isinstance(model.given, Label):
        return class_cycle(n, model.given.num_classes).to(device_of(model))
    c = given(model, examples)
    return None if c is None else c[torch.arange(n, device=c.device) % len(c)]


def usual_length(model: GenerativeModel, examples: Split) -> int | None:
    """Steps of draws to look at: half of the examples are no longer; None where nobody has to say when to end."""
    if examples.lengths is None or not isinstance(model, Sequential):
        return None
    ends_by_itself = getattr(model.spec.space, "end", None) is not None
    return None if ends_by_itself else int(examples.lengths.median())


def expected_samples(model: GenerativeModel, n: int, c: Tensor | None, *, generator: torch.Generator) -> Tensor:
    """``E[x | z]`` of prior draws z for a model that decodes; samples for the others; on the data's own scale."""
    if isinstance(model, DecodesLatents):
        return model.decode(model.sample_latents(n, c, generator=generator), c)
    return model.sample(n, c, generator=generator)


@torch.no_grad()
def log_density(model: GenerativeModel, points: Tensor, *, seed: int, num_particles: int) -> Tensor:
    """Log-density at ``(m, D)`` points, ``(m,)`` nats on the CPU: exact, or by importance sampling."""
    device = next(model.parameters()).device
    values = []
    generator = torch.Generator().manual_seed(seed)
    for chunk in points.to(device).split(1000):
        if isinstance(model, ExactLikelihood):
            values.append(model.log_prob(chunk))
        else:
            assert isinstance(model, LikelihoodBound)
            values.append(model.log_prob_bound(chunk, num_particles, generator=generator))
    return torch.cat(values).cpu()


def plane_density(model: GenerativeModel, data: Dataset, *, seed: int) -> tuple[Callable[[Tensor], Tensor] | None, str]:
    """``(m, D) -> (m,)`` log-density in nats and what to call it; None where the model has no density."""
    known = with_likelihood(model, data)
    if known is None:
        return None, ""

    def log_prob(points: Tensor) -> Tensor:
        return log_density(known, points, seed=seed, num_particles=PLANE_PARTICLES)

    exact = isinstance(known, ExactLikelihood)
    how = " (on a grid)" if isinstance(known, GridNormalised) else "" if exact else f" (IS, K={PLANE_PARTICLES})"
    return log_prob, f"model density{how}"


Artefact = np.ndarray | bytes
"""A picture, ``(H, W, 3) uint8``; or what is heard, played or read, under a name with an ending: ``samples.wav``."""

Maker = Callable[[], Artefact | dict[str, Artefact]]
"""Makes one, or several with names of their own."""


Report = Callable[[str], None] | None
"""Is told in one line of a picture that cannot be drawn; None: its error is raised."""


def made(makers: Mapping[str, Maker], *, report: Report) -> dict[str, Artefact]:
    """What ``makers`` make; one that fails leaves the others, and ``report`` is told why.

    Nothing that a run has measured is to be lost because some weights make no picture.
    """
    found: dict[str, Artefact] = {}
    for name, make in makers.items():
        try:
            each = make()
            found |= each if isinstance(each, dict) else {name: each}
        except Exception as error:  # whatever it is: numbers, and hours of training, are worth more than a picture
            if report is None:
                raise
            what = str(error) if isinstance(error, GenlabError) else f"{type(error).__name__}: {error}"
            report(f"the picture of {name} cannot be drawn: {' '.join(what.split())[:300]}")
    return found


@torch.no_grad()
def draw(model: nn.Module, data: Dataset, *, n: int, seed: int, report: Report = None) -> dict[str, Artefact]:
    """Named pictures ``(H, W, 3) uint8``: samples, reconstructions; of one and two numbers, the density too.

    Of samples that are heard, played or read there are files beside the picture, see `Artefact`.

    Args:
        model: drawn in eval mode.
        data: its validation split is reconstructed, its density is the truth beside the model's.
        n: number of samples in a grid.
        seed: the same seed shows the same latents, so that pictures of successive steps compare.
        report: is told of each picture that cannot be drawn, see `made`.
    """
    if isinstance(model, Translator):
        found: dict[str, Artefact] = {}

        def all_of_them() -> Artefact:
            found.update(translations.pictures(model, data, n=n, seed=seed))
            return next(iter(found.values()))

        made({"translations": all_of_them}, report=report)
        return found
    if not isinstance(model, GenerativeModel):
        return {}
    with evaluating(model):
        return made(_makers(model, data, n=n, seed=seed), report=report)


def _makers(model: GenerativeModel, data: Dataset, *, n: int, seed: int) -> dict[str, Maker]:
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    spec = data.spec
    classes = model.given.num_classes if isinstance(model.given, Label) else None

    def samples() -> dict[str, Artefact]:
        few = shown(spec.space, n)
        c = in_turn(model, few, data.val)
        length = usual_length(model, data.val)
        if length is None:
            x = expected_samples(model, few, c, generator=generator).cpu()
        else:
            assert isinstance(model, Sequential)
            x = model.draw(few, c, length=length, generator=generator).cpu()
        files = {f"samples.{ending}": make() for ending, make in media(spec.space, x).items()}
        return {"samples": picture(spec, x, columns=columns_of(classes)), **files}

    def reconstructions() -> np.ndarray:
        x, c = data.val.x[:32].to(device), rows(given(model, data.val), slice(32))
        again = model.decode(model.encode(x, c), c)  # type: ignore[operator]
        return stacked([x, again], spec)

    def points() -> Tensor:
        return model.sample(PLANE_SAMPLES, in_turn(model, PLANE_SAMPLES, data.val), generator=generator)

    def all_at_once() -> np.ndarray:
        known = model.given is None and (spec.dim == 1 or spec.space == Vector(2))
        log_prob, name = plane_density(model, data, seed=seed) if known else (None, "")
        beside = data.val.x[:PLANE_SAMPLES]
        return cloud(spec, points(), data=beside, truth=data.density, log_prob=log_prob, log_prob_name=name)

    if is_cloud(spec.space):
        return {"plane" if spec.space == Vector(2) else "samples": all_at_once}
    encodes = isinstance(model, EncodesLatents) and isinstance(model, DecodesLatents)
    return {"samples": samples, **({"reconstructions": reconstructions} if encodes else {})}
