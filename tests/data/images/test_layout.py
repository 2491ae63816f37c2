"""Folders as people have them: splits by their usual names, classes, and what is refused as ambiguous."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from genlab.data import image_folder, paired, unpaired
from genlab.data.images.layout import domain_of, split_of
from genlab.errors import DataError


@pytest.fixture(autouse=True)
def _cache(own_cache):
    """No test sees the cache of another."""


@pytest.fixture
def make(tmp_path):
    """``make({"train/cat": 10})`` writes ten pictures, all of one grey level of their own, and gives the root."""

    def write(folders, *, level=0):
        for folder, n in folders.items():
            (tmp_path / "r" / folder).mkdir(parents=True, exist_ok=True)
            for _ in range(n):
                Image.new("RGB", (8, 4), (level % 256,) * 3).save(tmp_path / "r" / folder / f"{level:05d}.png")
                level += 1
        return tmp_path / "r"

    return write


def levels(split):
    return sorted(split.x[:, 0, 0, 0].tolist())


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("training", "validation", "testing"),
        ("Train", "Valid", "Test"),
        ("TRAIN", "eval", "TEST"),
        ("training_set", "dev", "test_set"),
        ("Training", None, "Testing"),
    ],
)
@pytest.mark.parametrize("classes", [("",), ("cat", "dog")])
def test_usual_names_of_splits_are_known(make, train, val, test, classes):
    sizes = {train: 10, val: 2, test: 3}
    root = make({f"{part}/{name}": n for part, n in sizes.items() if part for name in classes})
    d = image_folder(root=root, size=4)
    k = len(classes)
    assert len(d.test) == 3 * k
    assert len(d.train) + len(d.val) == (12 if val else 10) * k
    assert d.spec.num_classes == (2 if k == 2 else None)
    assert levels(d.test)[0] >= 10 * k  # no test picture is trained on
    if val:
        assert len(d.val) == 2 * k


@pytest.mark.parametrize("name", ["trains", "evaluate", "testament", "pretrain", "value", "development kit", "contest"])
def test_other_names_are_no_splits(name):
    assert split_of(name) is None
    assert domain_of(f"{name}A") is None


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ({"val": 3, "valid": 3, "train": 9}, "val and valid are both val"),
        ({"Train": 9, "train": 9}, "are both train"),
        ({"test": 3, "cats": 9}, "holds test/, but no train/"),
        ({"testing": 3, ".": 9}, "holds testing/, but no train/"),
        ({"train": 9, "bus": 9, "car": 9}, "train/ beside bus, car: if it is the training split"),
        ({"photos/train": 9, "photos/test": 3}, "photos holds test, train: give it as data.root"),
        ({"a/b/Training": 9, "a/b/Testing": 3}, "b holds Testing, Training: give it as data.root"),
        (
            {"cat/train": 9, "cat/test": 3, "dog/train": 9, "dog/test": 3},
            r"2 folders in it hold splits .* above the cl",
        ),
        ({"train/train/cat": 9, "train/test/cat": 3}, "train holds test, train: give it as data.root"),
        ({"horses/trainA": 9, "horses/trainB": 9}, "horses holds trainA, trainB"),
        ({"trainA": 9, "testA": 9}, "holds trainA: read it with data=unpaired"),
        ({"seg_train/sea": 9, "seg_test/sea": 3, "seg_pred": 3}, "holds seg_test, seg_train: if these are splits"),
        ({"train2017": 9, "val2017": 3}, "holds train2017, val2017: if these are splits, rename them to train, val"),
        ({"set/train1": 9, "set/test1": 3}, "set holds test1, train1: if these are splits"),
        ({"01 trn": 9, "02 tst": 3}, "holds 01 trn, 02 tst: if these are splits"),
        ({"train/ImagesTrain": 9, "train/ImagesValidation": 3}, "train holds ImagesTrain, ImagesValidation: if"),
    ],
)
def test_what_is_ambiguous_is_refused_with_what_to_do(make, folders, words):
    root = make(folders)
    with pytest.raises(DataError, match=words) as caught:
        image_folder(root=root, size=4)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_a_class_may_be_a_train(make):
    d = image_folder(root=make({f"train/{name}": 9 for name in ("bus", "car", "train")}), size=4)
    assert d.spec.classes == ("bus", "car", "train")


def test_classes_whose_names_have_the_words_of_splits_are_classes(make):
    names = ("bullet train", "test tube", "train station", "eval2017")
    assert image_folder(root=make(dict.fromkeys(names, 9)), size=4).spec.num_classes == 4


@pytest.mark.parametrize("function", [unpaired, paired])
def test_translation_sets_know_the_usual_names_and_where_they_lie(make, function):
    names = ("TrainA", "Train_B", "testingA", "testingB") if function is unpaired else ("Training", "Testing")
    root = make(dict.fromkeys(names, 6))
    d = function(root=root, size=4)
    assert len(d.train) + len(d.val) == 6
    assert len(d.test) == 6
    assert len(d.test.x_b) == 6
    with pytest.raises(DataError, match=r"is missing: .*; r/ in it holds them: give data.root="):
        function(root=root.parent, size=4)


def test_one_folder_of_folders_is_told(make):
    d = image_folder(root=make({"all/cat": 9, "all/dog": 9}), size=4)
    assert d.spec.classes is None
    assert any("to have its 2 subfolders as classes" in note for note in d.notes)


def test_classes_are_counted_and_the_unlearnable_told(make):
    root = make({"train/cat": 9, "train/dog": 8, "val/cat": 2, "val/dog": 1, "test/cat": 3, "test/eel": 2})
    notes = " ".join(image_folder(root=root, size=4).notes)
    assert "3 classes (train/val/test): cat 9/2/3, dog 8/1/0, eel 0/0/2." in notes
    assert "no training pictures of eel" in notes


def test_numbers_are_classes_in_their_order(make):
    root = make({str(i): 4 for i in (1, 2, 10, 11)})
    assert image_folder(root=root, size=4, sort="natural").spec.classes == ("1", "2", "10", "11")
    assert image_folder(root=root, size=4).spec.classes == ("1", "10", "11", "2")  # as runs of before have it


@pytest.mark.parametrize("parts", [("",), ("train/", "test/")])
def test_rare_classes_are_in_every_split(make, parts):
    """95:5, the issue's case: by the hash alone, val and test have none of the rare class."""
    root = make({f"{part}{name}": n for part in parts for name, n in (("common", 95), ("rare", 5), ("single", 1))})
    d = image_folder(root=root, size=4, stratify=True)
    blind = image_folder(root=root, size=4)
    assert min(torch.bincount(blind.val.y, minlength=3)[1:].tolist()) == 0
    assert any("(train/val/test): common " in note for note in d.notes)
    for split in (d.train, d.val, d.test):
        common, rare, single = torch.bincount(split.y, minlength=3).tolist()
        assert common > rare >= 1
        assert single == (1 if split is d.train or (split is d.test and parts[0]) else 0)
    assert any("all are in train: single (1)" in note for note in d.notes)
    assert any("class by class" in note for note in d.notes)


def test_a_new_picture_moves_no_old_one_of_a_large_class(make):
    root = make({"cat": 60, "dog": 60})
    before = image_folder(root=root, size=4, stratify=True)
    assert levels(before.val) == levels(image_folder(root=root, size=4).val)  # large classes: as without it
    make({"cat": 1}, level=200)
    after = image_folder(root=root, size=4, stratify=True)
    for part in ("train", "val", "test"):
        assert set(levels(getattr(before, part))) <= set(levels(getattr(after, part)))


def test_classes_too_small_to_be_cut_leave_the_cut_to_the_hash(make):
    d = image_folder(root=make({"a": 2, "b": 2}), size=4, stratify=True)
    assert [len(s) for s in (d.train, d.val, d.test)] == [2, 1, 1]


@pytest.mark.parametrize("layout", ["single", "unpaired", "paired"])
def test_what_is_not_read_is_counted_by_suffix(make, layout):
    function, parts = {
        "single": (image_folder, ["cat", "dog"]),
        "unpaired": (unpaired, ["trainA", "trainB"]),
        "paired": (paired, ["train"]),
    }[layout]
    root = make(dict.fromkeys(parts, 6))
    assert not any("not read" in note for note in function(root=root, size=4).notes)
    for i in range(3):
        (root / parts[0] / f"{i}.npy").write_bytes(b"")
    (root / "labels.CSV").write_text("")
    (root / "README").write_text("")
    (root / ".hidden.npy").write_text("")
    (note,) = (note for note in function(root=root, size=4).notes if "not read" in note)
    assert note.endswith("files that are not read: 3 .npy, 1 .csv, 1 without suffix.")


def test_a_folder_of_arrays_is_named_as_such(tmp_path):
    (tmp_path / "a").mkdir()
    for i in range(3):
        (tmp_path / "a" / f"{i}.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds no pictures \(it holds 3 .npy\)"):
        image_folder(root=tmp_path / "a")
