"""Laws of task=augment: the folder has what was drawn, by class; the three classifiers see what they are said to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.spaces import Label
from genlab.errors import ConfigError
from genlab.evaluation import classifier
from genlab.models.capabilities import GenerativeModel
from genlab.restore import Loaded
from genlab.tasks import Work
from genlab.tasks.augment import Augment

SPEC = DataSpec((1, 8, 8), 256, 2, classes=("dark", "light"))


class Bright(GenerativeModel):
    """Class 0 is dark and class 1 light, or the other way round."""

    given = Label(2)

    def __init__(self, *, swapped: bool = False) -> None:
        super().__init__()
        self.spec = SPEC
        self.swapped = swapped
        self.place = torch.nn.Parameter(torch.zeros(()))

    def sample(self, n, c=None, *, generator=None):
        light = c.bool() ^ self.swapped
        x = torch.rand(n, *SPEC.event_shape, generator=generator) * 100
        return (x + 150 * light.view(-1, 1, 1, 1)).to(torch.uint8)


class Held(Loaded):
    """The model in place of a checkpoint, with data of the true kind."""

    def dataset(self, *, root, trust) -> Dataset:
        y = torch.arange(60) % 2
        split = Split(Bright().sample(60, y, generator=torch.Generator().manual_seed(1)), y)
        return Dataset(name="bright", spec=SPEC, train=split, val=split, test=split)


def work(model: Bright, folder: Path, **settings) -> Work:
    return Work(Held(Path(), {"name": "bright"}, SPEC, 0, model), folder, **{"n": 12, "seed": 0, **settings})


def test_the_folder_has_n_of_each_class_as_they_were_drawn(tmp_path: Path) -> None:
    drawn = Augment(learn=False).draw(work(Bright(), tmp_path))
    x, y = drawn.arrays["samples"], drawn.arrays["y"]
    assert np.bincount(y).tolist() == [12, 12]
    assert sorted(path.name for path in (tmp_path / "augmented").iterdir()) == ["dark", "light"]
    for i, (picture, k) in enumerate(zip(x, y, strict=True)):
        path = tmp_path / "augmented" / ("dark", "light")[k] / f"{i:05d}.png"
        assert np.array_equal(np.asarray(Image.open(path)), picture[0])
    assert len(list((tmp_path / "augmented").rglob("*.png"))) == 24
    assert drawn.picture().dtype == np.uint8


def test_samples_of_the_wrong_class_teach_the_wrong_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(classifier, "STEPS", 12)
    for swapped, low, high in ((False, 0.9, 1.0), (True, 0.0, 0.1)):
        folder = tmp_path / str(swapped)
        folder.mkdir()
        found = Augment().draw(work(Bright(swapped=swapped), folder)).numbers["accuracy"]
        assert list(found) == ["real", "real and samples", "samples"]
        assert found["real"] > 0.9
        assert low <= found["samples"] <= high


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="draws all classes"):
        Augment(learn=False).draw(work(Bright(), tmp_path, label=1))
