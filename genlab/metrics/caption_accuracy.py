"""``metric=caption_accuracy``: whether the digits that a caption names are drawn, each where the caption says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from genlab.data.sources.captioned_digits import PlacedDigit, placed_digits
from genlab.data.sources.digits import digits
from genlab.data.spaces import Dataset, DataSpec, Split, Tokens
from genlab.data.text.coding import written
from genlab.evaluation.classifier import Classifier
from genlab.evaluation.known_classifier import known_classifier
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.metrics import _needs
from genlab.metrics.base import Metric
from genlab.metrics.subject import CHUNK, Subject, record
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.seeding import derive
from genlab.signatures.ranges import NonNegativeFloat, Positive


class CaptionAccuracy(Metric):
    """Share of samples in which a classifier reads each digit that the caption names, where the caption places it.

    The classifier has learned the training pictures' own digits, bold ones too. Beside it stand the share of single
    digits, that of captions which no training picture has, and what the classifier reads in the split's real pictures.

    Args:
        n: samples, of the split's captions in turn; None: one of each.
        guidance: how much the caption counts: 0 not at all, 1 as learned, more exaggerates.
    """

    needs = (SamplesAlongPath, _needs.captions_of_digits)
    better = "higher"

    def __init__(self, *, n: Positive | None = None, guidance: NonNegativeFloat = 1.0) -> None:
        self.n = n
        self.guidance = guidance

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Of samples, by caption and by digit; of new captions, if there are any; of real pictures."""
        split = subject.split
        assert split.c is not None
        captions = split.c[torch.arange(self.n or len(split)) % len(split)]
        classifier, right = _classifier(subject)
        read = partial(_read, classifier)
        drawn, named = self._draws(subject, captions), _named(subject.data, captions)
        found = read(drawn, named)
        whole = _numbers(map(all, found))
        old = {*map(tuple, _codes(subject.data.train.c))}
        new = torch.tensor([tuple(code) not in old for code in _codes(captions)])
        real = _numbers(map(all, read(split.x, _named(subject.data, split.c))))
        about = f"a classifier right about {right:.1%} of test digits"
        guided = f"guidance {self.guidance:g}; {about}"
        for name, values, method in (
            ("caption_accuracy", whole, f"all digits of a caption, {guided}"),
            ("caption_accuracy_digits", _numbers(chain(*found)), f"single digits, {guided}"),
            ("caption_accuracy_new", whole[new], f"all digits of captions not in training, {guided}"),
            ("caption_accuracy_real", real, f"all digits in real pictures, {about}"),
        ):
            if len(values):
                yield _share(subject, name, values, method)

    def _draws(self, subject: Subject, captions: Tensor) -> Tensor:
        """A sample of each caption, ``(N, 1, S, S)`` on the CPU, which depends on its number and on no batch size."""
        model = subject.loaded.model
        assert isinstance(model, SamplesAlongPath)
        where = next(model.parameters()).device
        drawn = []
        for index, c in enumerate(subject.bar("caption_accuracy")(captions.split(CHUNK), -(-len(captions) // CHUNK))):
            generator = torch.Generator(where).manual_seed(derive(subject.seed, "samples of captions", index))
            drawn.append(model.sample(len(c), c.to(where), guidance=self.guidance, generator=generator).cpu())
        return torch.cat(drawn)


def _share(subject: Subject, name: str, right: Tensor, method: str) -> Record:
    share, n = right.mean().item(), len(right)
    estimate = Estimate(share, math.sqrt(share * (1 - share) / n))
    return record(subject, name, estimate, unit="share", n=n, method=method, of_samples=False)


def _numbers(right: Iterable[bool]) -> Tensor:
    """1 of what is right, 0 of what is wrong, ``(N,) float64``."""
    return torch.tensor(list(right), dtype=torch.float64)


def _codes(captions: Tensor | None) -> Sequence[Sequence[int]]:
    assert captions is not None
    return captions.tolist()


def _named(data: Dataset, captions: Tensor) -> list[tuple[PlacedDigit, ...]]:
    """What each caption names, and where."""
    space, side = data.spec.condition, data.spec.event_shape[-1]
    assert isinstance(space, Tokens)
    return [placed_digits(written(space, code).rstrip(), size=side) for code in captions]


def _cut(pictures: Tensor, named: Sequence[Sequence[PlacedDigit]]) -> tuple[Tensor, Tensor]:
    """The squares ``(M, 1, 8, 8)`` of pictures ``(N, 1, S, S)`` where digits are said to be, and which ``(M,)``."""
    squares = [picture[each.where] for picture, digits in zip(pictures, named, strict=True) for each in digits]
    return torch.stack(squares), torch.tensor([each.digit for digits in named for each in digits])


def _read(classifier: Classifier, pictures: Tensor, named: Sequence[Sequence[PlacedDigit]]) -> list[list[bool]]:
    """Whether the classifier reads each digit as it is said to be, for each picture."""
    squares, classes = _cut(pictures, named)
    right = iter((classifier(squares).argmax(1) == classes).tolist())
    return [[next(right) for _ in digits] for digits in named]


def _classifier(subject: Subject) -> tuple[Classifier, float]:
    """A classifier of the digits in the training pictures, and its accuracy on those of the test split; cached."""

    def parts(name: str) -> Split:
        split = subject.data.split(name)
        assert split.c is not None
        return Split(*_cut(split.x, _named(subject.data, split.c)))

    def say(line: str) -> None:
        subject.console.print(line, highlight=False, soft_wrap=True)

    spec = digits().spec
    held = Dataset(
        name="digits in captioned pictures",
        spec=DataSpec(space=spec.space, num_classes=spec.num_classes),
        train=parts("train"),
        val=parts("val"),
        test=parts("test"),
    )
    return known_classifier(held, progress=subject.bar("classifier"), say=say)
