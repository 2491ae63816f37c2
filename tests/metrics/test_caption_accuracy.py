"""What a classifier reads in pictures of captions that are right, of the other digit's place, or of other captions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from genlab.data import captioned_digits
from genlab.evaluation import classifier
from genlab.evaluation.record import Record
from genlab.metrics import METRICS, Subject
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.restore import Loaded

DATA = captioned_digits(count=1000)
CONFIG = {"data": {"_target_": "genlab.data.captioned_digits"}}


class Known(SamplesAlongPath):
    """Draws the test pictures whose captions are asked for, those of the captions after them, or these upside down."""

    def __init__(self, *, shift: int = 0, turned: bool = False) -> None:
        super().__init__()
        self.spec, self.given, self.shift, self.turned = DATA.spec, DATA.spec.condition, shift, turned
        self.weight = nn.Parameter(torch.zeros(()))
        self.asked: list[float] = []

    def sample(self, n: int, c: Tensor | None = None, *, guidance: float = 1.0, **_: object) -> Tensor:
        assert c is not None
        self.asked.append(guidance)
        known = (DATA.test.c[None] == c[:, None]).all(2).int().argmax(1)
        drawn = DATA.test.x[(known + self.shift) % len(DATA.test)]
        return drawn.roll(drawn.shape[-1] // 2, 2) if self.turned else drawn

    expected = from_data = to_data = None  # type: ignore[assignment]


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(classifier, "STEPS", 120)
    monkeypatch.setattr(classifier, "RECIPE", (*classifier.RECIPE, "120 steps"))


def scored(model: Known, folder: Path, **options: float) -> dict[str, Record]:
    loaded = Loaded(Path(), CONFIG, DATA.spec, 0, model.eval())
    config = {"split": "test", "seed": 0, "batch_size": 4, "metric": {}}
    subject = Subject(loaded, model, DATA, config, Console(quiet=True), folder)
    metric = METRICS["caption_accuracy"]
    assert metric.lacks(loaded) is None
    with torch.no_grad():
        return {each.metric: each for each in metric(**options).compute(subject)}


@pytest.mark.usefixtures("quick")
def test_real_pictures_of_their_captions_are_right_and_those_of_others_by_chance(tmp_path: Path) -> None:
    right = scored(Known(), tmp_path)
    assert right["caption_accuracy"].value == right["caption_accuracy_real"].value > 0.8
    assert right["caption_accuracy_digits"].value >= right["caption_accuracy"].value
    assert right["caption_accuracy"].n == len(DATA.test)
    old = {tuple(c) for c in DATA.train.c.tolist()}
    assert right["caption_accuracy_new"].n == sum(tuple(c) not in old for c in DATA.test.c.tolist()) > 0
    wrong = scored(Known(shift=1), tmp_path)
    assert wrong["caption_accuracy"].value < 0.15
    assert wrong["caption_accuracy_digits"].value < 0.25
    assert wrong["caption_accuracy_real"].value == right["caption_accuracy_real"].value


@pytest.mark.usefixtures("quick")
def test_a_digit_that_is_elsewhere_than_the_caption_says_is_not_read(tmp_path: Path) -> None:
    assert scored(Known(turned=True), tmp_path)["caption_accuracy_digits"].value < 0.3


@pytest.mark.usefixtures("quick")
def test_captions_are_taken_in_turn_and_drawn_with_the_guidance_that_was_asked_for(tmp_path: Path) -> None:
    model = Known()
    found = scored(model, tmp_path, n=2 * len(DATA.test), guidance=2.5)
    assert found["caption_accuracy"].n == 2 * len(DATA.test)
    assert found["caption_accuracy"].value == found["caption_accuracy_real"].value
    assert model.asked == [2.5]


def test_a_model_that_is_given_no_captions_of_digits_is_refused() -> None:
    metric, said = METRICS["caption_accuracy"], "a model that is given captions of digits (data=captioned_digits"
    blind = Known()
    blind.given = None
    for config, model in ((CONFIG, blind), ({"data": {"_target_": "genlab.data.digits"}}, Known())):
        assert metric.lacks(Loaded(Path(), config, DATA.spec, 0, model)).startswith(said)
