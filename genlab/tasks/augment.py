"""``task=augment``: a labelled folder of samples, and what a classifier learns from it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from genlab.data.classes import class_folders
from genlab.data.spaces import Dataset, Image, Label, Split
from genlab.errors import ConfigError
from genlab.evaluation import classifier
from genlab.evaluation.artefacts.grids import encoded, grid
from genlab.evaluation.artefacts.thumbnails import thumbnails, window
from genlab.evaluation.known_classifier import known_classifier
from genlab.files.atomic import disk_errors
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work

AT_ONCE = 256
"""Pictures that are made ready to be written at once."""

IN_A_ROW = 10
"""Samples of each class in the sheet, at most."""


def _labelled_pictures(trained: Any) -> str | None:
    spec = trained.spec
    labelled = isinstance(spec.space, Image) and spec.num_classes is not None
    return None if labelled else "labelled pictures"


def _given_the_label(trained: Any) -> str | None:
    known = isinstance(getattr(trained.model, "given", None), Label)
    return None if known else "a model that is given the class (model.condition=label)"


class Augment(Task):
    """A folder of n samples of each class, and what a classifier learns from real ones, from both, from samples alone.

    The folder has a folder for each class, as data=image_folder and torchvision's ImageFolder read it. All classifiers
    have the recipe of metric=augmentation, and are asked about real test pictures.

    "Classification Accuracy Score for Conditional Generative Models", S. Ravuri, O. Vinyals, 2019,
    https://arxiv.org/abs/1905.10887

    Args:
        learn: whether classifiers are trained; else the folder is all.
    """

    needs = (_labelled_pictures, _given_the_label)

    def __init__(self, *, learn: bool = True) -> None:
        self.learn = learn

    def draw(self, work: Work) -> Drawn:
        """The folder, and the three accuracies.

        Raises:
            ConfigError: a single class is asked for.
        """
        spec, model = work.spec, work.model
        assert isinstance(model.given, Label)  # `needs` says so
        classes = model.given.num_classes
        if work.label is not None:
            raise ConfigError("label: task=augment draws all classes; leave it out")
        n = work.n * classes
        y = work.conditions(n)
        assert y is not None

        def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
            return {"samples": model.sample(len(index), y[index % n], generator=generator)}

        x, labels = work.in_blocks(n, draw)["samples"], y.cpu()
        folder = work.folder / "augmented"
        _write(folder, x, labels, work)
        numbers: dict[str, Any] = {"folder": str(folder), "samples": n}
        lines = [f"folder   {folder} ({work.n:,} pictures of each of {classes} classes)"]
        if self.learn:
            accuracies = _accuracies(work, x, labels)
            numbers["accuracy"] = accuracies
            lines.append(_said(accuracies, work.data(), n))
        count = min(IN_A_ROW, work.n, max(1, work.grid // classes))
        first = x[: count * classes].view(count, classes, *spec.event_shape).transpose(0, 1).flatten(0, 1)
        return Drawn(
            lambda: grid(first, spec, columns=count),
            {"samples": x.numpy(), "y": labels.numpy()},
            f"samples of each class, a row for each; {count} of {work.n} are shown",
            numbers=numbers,
            lines=tuple(lines),
        )


def _accuracies(work: Work, x: Tensor, y: Tensor) -> dict[str, float]:
    """On real test pictures: of classifiers of real pictures, of these and samples, of samples alone."""
    data = work.data()
    console = Console(stderr=True, force_jupyter=False)
    _, real = known_classifier(
        data,
        progress=work.bar("classifier of real pictures"),
        say=lambda line: console.print(line, highlight=False, soft_wrap=True),
    )
    assert data.train.y is not None
    both = Split(torch.cat([torch.as_tensor(data.train.x[:]), x]), torch.cat([data.train.y, y]))
    found = {"real": real}
    for name, split, transform in (
        ("real and samples", both, data.train_transform),
        ("samples", Split(x, y), None),
    ):
        mixed = replace(data, train=split, train_transform=transform, train_transform_b=None)
        taught = classifier.trained(mixed, progress=work.bar(f"classifier of {name}"))
        found[name] = classifier.accuracy(taught, data.test)
    return found


def _said(accuracies: dict[str, float], data: Dataset, n: int) -> str:
    many = len(data.test)
    each = ", ".join(
        f"{name} {share:.1%} +- {100 * math.sqrt(share * (1 - share) / many):.1f}" for name, share in accuracies.items()
    )
    return (
        f"accuracy on {many:,} test pictures after {classifier.STEPS:,} steps: {each} "
        f"({len(data.train):,} real, {n:,} samples)"
    )


def _write(folder: Path, x: Tensor, y: Tensor, work: Work) -> None:
    """``folder/CLASS/00000.png`` ..., see `class_folders`."""
    spec = work.spec
    names = class_folders(spec)
    scale = window(spec.space, [x])
    with disk_errors(folder):
        for k in y.unique().tolist():
            (folder / names[k]).mkdir(parents=True, exist_ok=True)
        for start in range(0, len(x), AT_ONCE):
            looks = thumbnails(spec.space, x[start : start + AT_ONCE], scale)
            for i, look in enumerate(looks, start):
                (folder / names[int(y[i])] / f"{i:05d}.png").write_bytes(encoded(look))
