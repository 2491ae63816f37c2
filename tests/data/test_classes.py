"""Classes by name: their order, their counts, and labels renumbered to those of a model."""

from __future__ import annotations

import importlib

import pytest
import torch

from genlab.data import Dataset, DataSpec, Split, fashion_mnist
from genlab.data.classes import aligned, class_folders, class_index, class_notes, class_of_folder, natural
from genlab.errors import ConfigError, DataError


def pets(names, *labels):
    parts = [Split(torch.tensor(y, dtype=torch.float32)[:, None], torch.tensor(y)) for y in labels]
    return Dataset("pets", DataSpec((1,), None, len(names), classes=tuple(names)), *parts)


def test_numbers_sort_as_numbers():
    assert natural(["10", "2", "1"]) == ["1", "2", "10"]
    assert natural(["class10", "class2", "b", "a", "class2b"]) == ["a", "b", "class2", "class2b", "class10"]
    assert natural(["02", "2", "1"]) == ["1", "02", "2"]
    assert natural(["dog", "Cat", "ant"]) == sorted(["dog", "Cat", "ant"])


def test_labels_become_those_of_the_model():
    model = DataSpec((1,), None, 3, classes=("ant", "cat", "dog"))
    d = aligned(pets(["dog", "ant"], [0, 1, 0], [1], [0]), model)
    assert d.spec == model
    assert d.spec.classes == model.classes
    assert d.train.y.tolist() == [2, 0, 2]
    assert d.val.y.tolist() == [0]
    assert d.test.y.tolist() == [2]
    with pytest.raises(DataError, match="eel, fox is no class of the model, which knows ant, cat, dog"):
        aligned(pets(["cat", "eel", "fox"], [0, 1, 2], [0], [0]), model)
    nameless = DataSpec((1,), None, 2)
    same = pets(["dog", "ant"], [0, 1], [1], [0])
    assert aligned(same, nameless) is same


def test_a_class_is_given_by_name_or_index():
    spec = DataSpec((1,), None, 3, classes=("ant", "cat", "10"))
    assert [class_index(label, spec) for label in ("cat", 0, 2, 10, "10")] == [1, 0, 2, 2, 2]
    for label, words in ((3, "0 to 2, named ant, cat, 10"), ("cot", "did you mean cat"), ("1", "named ant")):
        with pytest.raises(ConfigError, match=words):
            class_index(label, spec)
    nameless = DataSpec((1,), None, 3)
    assert class_index(2, nameless) == 2
    with pytest.raises(ConfigError, match="no names are known"):
        class_index("cat", nameless)


def test_a_folder_of_each_class_leads_back_to_it():
    for classes, folders in [
        (("T-shirt/top", "Coat", ".hidden"), ("0", "Coat", "2")),
        (("a/b", "0", "c"), ("0", "1", "2")),  # the number of one is the name of another
        (("01", "1", "x"), ("01", "1", "x")),
        (None, tuple(f"{k:02d}" for k in range(12))),
    ]:
        spec = DataSpec((1,), None, len(folders), classes=classes)
        assert class_folders(spec) == folders
        assert [class_of_folder(name, spec) for name in folders] == list(range(len(folders)))
        assert class_of_folder("dog", spec) is None
        assert class_of_folder("99", spec) is None


def test_beside_names_that_are_numbers_a_number_is_a_name():
    spec = DataSpec((1,), None, 3, classes=("01", "02", "10"))
    assert [class_index(label, spec) for label in ("02", "2", 2, 1, 10)] == [1, 1, 1, 0, 2]
    for label in (0, 3, "one"):
        with pytest.raises(ConfigError, match=r"classes named 01, 02, 10$"):
            class_index(label, spec)
    assert class_index("7", DataSpec((1,), None, 2, classes=("7", "07"))) == 0


def test_every_class_has_one_name():
    with pytest.raises(ConfigError, match="1 names for 2 classes"):
        DataSpec((1,), None, 2, classes=("cat", "cat"))
    spec = DataSpec((1,), None, 2, classes=("cat", "dog"))
    assert DataSpec.from_dict(spec.to_dict()).classes == ("cat", "dog")


def test_counts_are_told_in_a_line():
    y = {"train": torch.tensor([0] * 8 + [1] * 2), "val": torch.tensor([0]), "test": torch.tensor([0, 2])}
    counts, learned, val, test = class_notes(["ant", "cat", "dog"], y)
    assert counts == "3 classes (train/val/test): ant 8/1/1, cat 2/0/0, dog 0/0/1."
    assert learned.startswith("no training pictures of dog:")
    assert val.startswith("no pictures of cat, dog in val")
    assert test.startswith("no pictures of cat in test")
    many = [str(i) for i in range(500)]
    (line,) = class_notes(many, {"train": torch.cat([torch.arange(500), torch.full((7,), 30)])})
    assert line == "500 classes, 0, 1, 2 and 497 more; pictures of a class: train 1 (0) to 8 (30)."


def test_names_of_known_data_sets_belong_to_their_labels(need):
    root = need("FashionMNIST")
    d = fashion_mnist(root=root, download=False)
    assert [d.spec.classes[y] for y in d.test.y[:4]] == ["Ankle boot", "Pullover", "Trouser", "Trouser"]
    classes = importlib.import_module("genlab.data.sources.cifar10").CLASSES
    labels = [
        int(word) for word in (need("cifar10_first4000") / "cifar10_first4000" / "labels.txt").read_text().split()
    ]
    assert [classes[y] for y in labels[:6]] == ["frog", "truck", "truck", "deer", "automobile", "automobile"]
