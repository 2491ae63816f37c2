"""Labels of what is compressed: each picture has its folder's, or all have the one that is told, or it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genlab.codec import labels
from genlab.data.spaces import DataSpec, Vector
from genlab.errors import ConfigError, DataError
from genlab.models.classical.histogram import histogram
from genlab.models.vae.vae import VAE

SPEC = DataSpec(event_shape=(1, 2, 2), levels=256, num_classes=3, classes=("ant", "bee/wasp", "cat"))
GIVEN = histogram(SPEC, condition="label")
ALONE = histogram(SPEC)


def of(folder: Path, *names: str, model=GIVEN, label: int | str | None = None) -> torch.Tensor | None:
    return labels.of_pictures(model, SPEC, folder, names, label=label)


def test_the_first_folder_says_the_class_by_its_name_or_number(tmp_path: Path) -> None:
    found = of(tmp_path, "cat/a.png", "cat/deep/ant.png", "1/a.png", "ant/b.png", "2/x.png")
    assert found is not None
    assert found.tolist() == [2, 2, 1, 0, 2]


def test_one_label_is_that_of_all(tmp_path: Path) -> None:
    for label in ("cat", 2):
        found = of(tmp_path, "a.png", "holidays/b.png", label=label)
        assert found is not None
        assert found.tolist() == [2, 2]
    file = tmp_path / "x.png"
    file.touch()
    found = of(file, "x.png", label="bee/wasp")
    assert found is not None
    assert found.tolist() == [1]


def test_an_unconditional_model_reads_no_labels(tmp_path: Path) -> None:
    assert of(tmp_path, "cat/a.png", "b.png", model=ALONE) is None
    with pytest.raises(ConfigError, match=r"label=cat: .* is not given the class"):
        of(tmp_path, "a.png", model=ALONE, label="cat")


@pytest.mark.parametrize(
    ("names", "label", "kind", "words"),
    [
        (["dog/a.png", "ant/a.png"], None, DataError, "dog is no class of the model, which knows ant, 1, cat: rename"),
        (["train/ant/a.png", "test/ant/a.png"], None, DataError, r"train, test is no class .*: give input=.*train$"),
        (["3/a.png"], None, DataError, "3 is no class"),
        (["a.png", "ant/a.png"], None, DataError, r"1 of 2 pictures lie beside its folders \(ant\)"),
        (["a.png", "b.png"], None, DataError, "2 of 2 pictures lie in no folder of a class: .* label=NAME"),
        (["ant/a.png"], "ant", ConfigError, r"has folders of classes \(ant\): leave label out"),
        (["a.png"], "dog", ConfigError, "label=dog: this data has the classes 0 to 2"),
        (["a.png"], 3, ConfigError, "label=3"),
    ],
)
def test_what_does_not_say_the_class_is_refused(names, label, kind, words, tmp_path: Path) -> None:
    with pytest.raises(kind, match=words):
        of(tmp_path, *names, label=label)


def test_a_file_alone_does_not_say_its_class(tmp_path: Path) -> None:
    file = tmp_path / "ant.png"
    file.touch()
    with pytest.raises(ConfigError, match=r"say it as label=NAME \(ant, 1, cat\)"):
        of(file, "ant.png")


def test_a_folder_of_one_class_is_told_how_to_say_it(tmp_path: Path) -> None:
    folder = tmp_path / "cat"
    folder.mkdir()
    with pytest.raises(DataError, match=r"label=cat$"):
        of(folder, "a.png")


def test_models_of_other_conditions_are_refused() -> None:
    spec = DataSpec(event_shape=(1, 2, 2), levels=256, condition=Vector(3))
    with pytest.raises(ConfigError, match="models of labels and unconditional ones compress"):
        labels.check_given(VAE(spec, latent_dim=2, hidden=[4], condition="vector"))
