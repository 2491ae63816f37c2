"""What samples teach a classifier, of models that know the classes, mix them up, or know nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from genlab.data import digits
from genlab.data.spaces import DataSpec, Label
from genlab.evaluation import classifier
from genlab.metrics import METRICS, Subject
from genlab.models.capabilities import GenerativeModel
from genlab.restore import Loaded

DATA = digits()


class Again(GenerativeModel):
    """Draws training digits of the class that is asked for, or of one that is so many further."""

    def __init__(self, shift: int = 0) -> None:
        super().__init__()
        self.spec, self.given, self.shift = DATA.spec, Label(10), shift
        self.weight = nn.Parameter(torch.zeros(()))

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        assert c is not None
        assert DATA.train.y is not None
        wanted = (c + self.shift) % 10
        order = torch.rand(n, len(DATA.train), generator=generator)
        order[DATA.train.y[None] != wanted[:, None]] = -1
        return DATA.train.x[order.argmax(1)]


def scored(model: GenerativeModel, folder: Path) -> dict[str, float]:
    loaded = Loaded(Path(), {}, DATA.spec, 0, model.eval())
    config = {"split": "val", "seed": 0, "batch_size": 4, "metric": {}}
    subject = Subject(loaded, model, DATA, config, Console(quiet=True), folder)
    assert METRICS["augmentation"].lacks(loaded) is None
    with torch.no_grad():
        records = list(METRICS["augmentation"](n=500).compute(subject))
    assert {each.split for each in records} == {"test"}
    assert {each.n for each in records} == {300}
    return {each.metric: each.value for each in records}


def test_samples_that_are_real_teach_as_real_ones_do_and_those_of_other_classes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(classifier, "STEPS", 60)
    monkeypatch.setattr(classifier, "RECIPE", (*classifier.RECIPE, "60 steps"))
    right = scored(Again(), tmp_path)
    assert right["augmentation_real"] > 0.85
    assert right["augmentation"] > right["augmentation_real"] - 0.1
    wrong = scored(Again(shift=1), tmp_path)
    assert wrong["augmentation"] < 0.1
    assert wrong["augmentation_real"] == right["augmentation_real"]


def test_a_model_that_is_not_given_the_class_is_refused() -> None:
    model = Again()
    model.given = None
    assert METRICS["augmentation"].lacks(Loaded(Path(), {}, DATA.spec, 0, model)) == (
        "a model that is given the class (model.condition=label)"
    )
    assert DataSpec((1, 8, 8), 17).num_classes is None
