"""``metric=nfe_curve``: what each sampler makes of so many evaluations of the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from genlab.evaluation.artefacts.clouds import is_cloud
from genlab.evaluation.artefacts.tradeoff import tradeoff
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.frechet import distance, frechet, moments
from genlab.evaluation.statistics.transport import sliced_wasserstein
from genlab.metrics import _needs
from genlab.metrics._features import of_classifier, of_split
from genlab.metrics.base import Metric
from genlab.metrics.subject import CHUNK, Subject, at_least, record, some, training_examples
from genlab.models.conditions import condition
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.paths import Straight
from genlab.samplers import ALONG_PATH, SamplerName
from genlab.seeding import derive
from genlab.signatures.ranges import Positive

PICTURES, POINTS = 250, 2500
"""Samples of each sampler at each cost, where nobody says how many: there are some forty such sets."""

PROJECTIONS = 32
"""Lines along which vectors are compared."""

GROUPS, RESAMPLES = 10, 10
"""Of the jackknife and the bootstrap, whose errors are read off a figure."""


class NFECurve(Metric):
    """Quality against evaluations of the network for each sampler: fcd of pictures, distances of vectors along lines.

    Args:
        evaluations: of a draw; a sampler with two a step takes half as many steps.
        samplers: some of ancestral, ddim, dpm_solver, euler, heun ...; None: all that differ.
        n: samples of each; None: 250 pictures or 2,500 vectors.
    """

    needs = (SamplesAlongPath, _needs.vectors_or_labelled_pictures)

    def __init__(
        self,
        *,
        evaluations: Sequence[Positive] = (4, 8, 16, 32, 64),
        samplers: Sequence[SamplerName] | None = None,
        n: Positive | None = None,
    ) -> None:
        self.evaluations = sorted(evaluations)
        self.samplers = samplers
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """A record for each sampler and cost, and a figure of all."""
        side = _Vectors(subject, self.n) if is_cloud(subject.data.spec.space) else _Pictures(subject, self.n)
        asked = [
            (name, cost // ALONG_PATH[name].evaluations, cost)
            for name in (_distinct(subject) if self.samplers is None else self.samplers)
            for cost in self.evaluations
            if cost % ALONG_PATH[name].evaluations == 0
        ]
        lines: dict[str, list[tuple[int, float]]] = {}
        for name, steps, cost in subject.bar("nfe_curve")(asked, len(asked)):
            estimate = side.compare(_draws(subject, side.n, sampler=name, steps=steps))
            lines.setdefault(name, []).append((cost, estimate.value))
            method = f"nfe_curve: {side.what} of {side.n} samples of each sampler; {side.floor_name} {side.floor:.4g}"
            yield record(subject, f"nfe_{name}_{cost}", estimate, unit=side.unit, n=side.n, method=method)
        if lines:
            figure = tradeoff(
                lines,
                cost="evaluations of the network",
                quality=side.what,
                floor=side.floor,
                floor_name=side.floor_name,
            )
            subject.picture("nfe_curve", figure)


class _Pictures:
    """Features of real pictures beside those of drawn ones."""

    what, unit, floor_name = "fcd", "squared distance", "as many real pictures have"

    def __init__(self, subject: Subject, n: int | None) -> None:
        self.n = PICTURES if n is None else n
        self.seed = derive(subject.seed, "jackknife")
        self.extractor = of_classifier(subject)
        self.real = of_split(subject, self.extractor, subject.split_name)
        least, why = self.extractor.dim + 1, f"a covariance of {self.extractor.dim} features"
        at_least(least, min(self.n, len(self.real)), metric="nfe_curve", what="pictures on both sides", why=why)
        others = of_split(subject, self.extractor, "train" if subject.split_name != "train" else "test")
        self.floor = distance(moments(others[: self.n]), moments(self.real))

    def compare(self, drawn: Tensor) -> Estimate:
        return frechet(self.extractor(drawn), self.real, groups=GROUPS, seed=self.seed)


class _Vectors:
    """Points of the split beside as many drawn ones."""

    what, unit = "sliced Wasserstein distance", "units of the data"
    floor_name = "as many training examples have"

    def __init__(self, subject: Subject, n: int | None) -> None:
        self.n = min(POINTS if n is None else n, len(subject.split))
        at_least(2, self.n, metric="nfe_curve", what="examples on both sides", why="it")
        self.seed = derive(subject.seed, "projections")
        self.real = some(subject.split, self.n, seed=derive(subject.seed, "reference"))
        train = some(training_examples(subject), self.n, seed=self.seed)
        self.floor = self._distance(train, self.real[: len(train)], resamples=2).value

    def compare(self, drawn: Tensor) -> Estimate:
        return self._distance(drawn, self.real, resamples=RESAMPLES)

    def _distance(self, x: Tensor, y: Tensor, *, resamples: int) -> Estimate:
        return sliced_wasserstein(x, y, projections=PROJECTIONS, seed=self.seed, resamples=resamples)


def _distinct(subject: Subject) -> list[SamplerName]:
    """All samplers; on a straight path without DDIM, whose steps are Euler's there."""
    model = subject.loaded.model
    assert isinstance(model, SamplesAlongPath)
    return [name for name in ALONG_PATH if name != "ddim" or not isinstance(model.path, Straight)]


def _draws(subject: Subject, n: int, *, sampler: SamplerName, steps: int) -> Tensor:
    """``n`` samples on the CPU: from the same noise whatever the sampler, of conditions as frequent as in training."""
    model, train = subject.loaded.model, subject.data.train
    assert isinstance(model, SamplesAlongPath)
    where, given = next(model.parameters()).device, condition(model, train)
    found = []
    for index in range(-(-n // CHUNK)):
        c = None
        if given is not None:
            chosen = torch.Generator().manual_seed(derive(subject.seed, "labels", index))
            c = given[torch.randint(len(train), (CHUNK,), generator=chosen)].to(where)
        generator = torch.Generator(where).manual_seed(derive(subject.seed, "samples", index))
        found.append(model.sample(CHUNK, c, steps=steps, sampler=sampler, generator=generator).cpu())
    return torch.cat(found)[:n]
