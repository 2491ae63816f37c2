"""Numbers of translators, which have no likelihood: distance to the truth, and whether the class stays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import Dataset
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate, mean
from genlab.evaluation.statistics.likeness import psnr, ssim
from genlab.models.translating import Translator, TwoWayTranslator
from genlab.ops.eval_mode import evaluating

PIXELS = 1 << 20
"""Pixels, channels not counted, that go through a network at once."""


CLASSIFIED = 5000
"""Training pictures of a classifier, at most."""


@torch.no_grad()
def translated(model: Translator, x: Tensor, *, back: bool = False, seed: int = 0) -> Tensor:
    """``(N, C, H, W) uint8`` of one domain in the other one, on the CPU; ``back``: from B to A."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    at_once = max(1, PIXELS // (x.shape[-2] * x.shape[-1]))
    way: Callable[..., Tensor] = model.translate
    if back:
        assert isinstance(model, TwoWayTranslator)
        way = model.translate_back
    with evaluating(model):
        return torch.cat([way(part.to(device), generator=generator).cpu() for part in x.split(at_once)])


def records(model: Translator, data: Dataset, *, split: str, seed: int) -> list[Record]:
    """All numbers that this model can be given on this data: none, if there is neither truth nor label."""
    part = data.split(split)
    if data.spec.layout == "paired":
        return distances(model, data, split=split, seed=seed)
    if part.y is not None and part.y_b is not None:
        ways = (False, True) if isinstance(model, TwoWayTranslator) else (False,)
        return [each for back in ways for each in agreement(model, data, split=split, seed=seed, back=back)]
    return []


def distances(model: Translator, data: Dataset, *, split: str, seed: int) -> list[Record]:
    """Mean absolute difference to the targets, PSNR and SSIM: of translations, of inputs as they are, of a constant.

    That is the mean of the training targets. White - black is 1; standard errors are over pictures.
    """
    part = data.split(split)
    train = data.split("train")
    assert part.x_b is not None
    assert train.x_b is not None
    top = (data.spec.levels or 256) - 1
    truth = part.x_b.float() / top
    guesses = {
        "": (translated(model, part.x, seed=seed), "translations"),
        "_identity": (part.x, "baseline: the inputs themselves"),
        "_mean": (_mean(train.x_b), "baseline: the mean of the training targets"),
    }
    found = []
    for of, (guess, method) in guesses.items():
        shown = (guess / top).expand_as(truth)
        measured: dict[str, Estimate | None] = {"l1": _mean_error(shown, truth)}
        measured |= {"psnr": psnr(shown, truth), "ssim": ssim(shown, truth)}
        found += [
            _record(f"{name}{of}", value, n=len(truth), split=split, seed=seed, method=method)
            for name, value in measured.items()
            if value is not None
        ]
    return sorted(found, key=lambda record: list(UNITS).index(record.metric.partition("_")[0]))


def _mean_error(x: Tensor, truth: Tensor) -> Estimate:
    return mean((x - truth).abs().flatten(1).mean(1).double())


def _mean(x: Tensor) -> Tensor:
    """The mean picture, ``(C, H, W) float``; in parts, as a data set may be larger than memory."""
    total = sum(part.double().sum(0) for part in x.split(256))
    assert isinstance(total, Tensor)
    return (total / len(x)).float()


def agreement(model: Translator, data: Dataset, *, split: str, seed: int, back: bool = False) -> list[Record]:
    """Share of translations that a classifier of the target domain gives the class of their input.

    The classifier is a logistic regression on pixels, learned from training pictures of the target domain. Beside it
    stand its accuracy on that domain's own pictures, which is what can be expected, and the agreement without
    translation.

    Args:
        model: a translator.
        data: with labels of both domains.
        split: whose pictures are translated.
        seed: of the model's noise, if it has any.
        back: from B to A.
    """
    from sklearn.linear_model import LogisticRegression

    part = data.split(split)
    x, y, target, labels = (part.x_b, part.y_b, part.x, part.y) if back else (part.x, part.y, part.x_b, part.y_b)
    train = data.split("train")
    own, own_labels = (train.x, train.y) if back else (train.x_b, train.y_b)
    assert x is not None
    assert target is not None
    assert y is not None
    assert labels is not None
    assert own is not None
    assert own_labels is not None
    own, own_labels = own[:CLASSIFIED], own_labels[:CLASSIFIED]
    classifier = LogisticRegression(max_iter=1000).fit(_rows(own), own_labels.numpy())
    way = "ba" if back else "ab"
    how = f"logistic regression on {len(own)} training pictures of {way[1].upper()}"
    judged = {
        f"class_agreement_{way}": (translated(model, x, back=back, seed=seed), y, f"translations; {how}"),
        f"untranslated_{way}": (x, y, f"baseline: the inputs themselves; {how}"),
        f"classifier_accuracy_{way[1]}": (target, labels, f"the target domain's own pictures; {how}"),
    }
    found = []
    for name, (pictures, truth, method) in judged.items():
        share = float((classifier.predict(_rows(pictures)) == truth.numpy()).mean())
        of = Estimate(share, math.sqrt(share * (1 - share) / len(truth)))
        found.append(_record(name, of, n=len(truth), split=split, seed=seed, method=method))
    return found


def _rows(x: Tensor) -> np.ndarray:
    return (x.flatten(1).float() / 255).numpy()


UNITS = {"l1": "white - black = 1", "psnr": "dB", "ssim": "1 if the same"}


def _record(name: str, of: Estimate, *, n: int, split: str, seed: int, method: str) -> Record:
    unit = UNITS.get(name.partition("_")[0], "share of pictures")
    error = of.standard_error if n > 1 else None
    return Record(name, of.value, unit, "exact", n, error, split, seed, method=method)
