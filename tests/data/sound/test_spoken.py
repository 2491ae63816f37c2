from __future__ import annotations

from pathlib import Path

import pytest

from genlab.data.sound.spoken import classes, labels, official, spoken
from genlab.errors import DataError

BASE = Path("/sounds")


def files(*names):
    return [BASE / name for name in names]


def folders(found):
    return {file: file.parent.relative_to(BASE).as_posix().partition("/")[0].strip(".") for file in found}


def of(kind, *names):
    found = files(*names)
    return [*labels(found, kind, folders=folders(found), base=BASE).values()]


def test_names_say_digit_and_speaker():
    names = ("7_jackson_32.wav", "0_yweweler_4.flac")
    assert of("digit", *names) == of("auto", *names) == ["7", "0"]
    assert of("speaker", *names) == ["jackson", "yweweler"]
    assert of(None, *names) == []
    for other in ("seven_jackson_3.wav", "7_jackson.wav", "12_ada_3.wav", "7_a_b_3.wav", "7__3.wav", "7_ada_x.wav"):
        assert not spoken(files(other))


def test_folders_are_classes_where_there_is_one_for_each():
    names = ("cat/a/1.wav", "dog/2.wav", "cat/3.wav")
    assert of("folder", *names) == of("auto", *names) == ["cat", "dog", "cat"]
    assert of("auto", "cat/1.wav", "cat/2.wav") == []
    assert of("auto", "cat/1.wav", "dog/2.wav", "3.wav") == []
    assert of("folder", "x/7_ada_1.wav", "y/3_ada_1.wav") == ["x", "y"]
    assert classes(dict.fromkeys(files("a"), "10") | dict.fromkeys(files("b"), "9")) == ("9", "10")


@pytest.mark.parametrize(
    ("kind", "names", "reason"),
    [
        ("digit", ("7_ada_1.wav", "hello.wav"), r"data.label=digit, but hello.wav is not named as 7_jackson_32.wav"),
        ("speaker", ("hello.wav",), "data.label=speaker, but hello.wav"),
        ("folder", ("cat/1.wav", "2.wav"), "data.label=folder, but 2.wav lies in none"),
        ("folder", ("cat/1.wav", "cat/2.wav"), "all recordings lie in one"),
    ],
)
def test_a_label_that_files_do_not_have_is_refused(kind, names, reason):
    with pytest.raises(DataError, match=reason):
        of(kind, *names)


def test_the_official_split_is_by_index():
    names = [f"{digit}_ada_{index}.wav" for digit in (1, 2) for index in range(12)]
    parts = official(files(*names))
    indices = {part: sorted({int(file.stem.rpartition("_")[2]) for file in found}) for part, found in parts.items()}
    assert indices == {"train": [10, 11], "val": [5, 6, 7, 8, 9], "test": [0, 1, 2, 3, 4]}
    assert sorted(file for found in parts.values() for file in found) == sorted(files(*names))
    assert official(files(*names, "hello.wav")) is None
    assert official(files("1_ada_0.wav", "1_ada_1.wav")) is None  # of which none would be left to train on
