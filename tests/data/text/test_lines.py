"""Lines: one example each, as long as it is; what is left out is counted, and no line is in two splits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from genlab.data.lengths import ended, mask, units
from genlab.data.sources.lines import KNOWN, lines
from genlab.data.text import known as module
from genlab.data.text.coding import encoded, written
from genlab.errors import ConfigError, DataError

CODINGS = ("characters", "bytes", "bpe")
WORDS = [f"{'na' * (i % 7)}{i}é {' ' * (i % 3)}" for i in range(200)]


@pytest.fixture
def listed(tmp_path, own_cache) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS), encoding="utf-8")  # no newline at the end
    return path


def said(data) -> dict[str, list[str]]:
    splits = {name: getattr(data, name) for name in ("train", "val", "test")}
    return {
        name: [written(data.spec.space, x[:n]) for x, n in zip(split.x, split.lengths, strict=True)]
        for name, split in splits.items()
    }


@pytest.mark.parametrize("coding", CODINGS)
def test_every_line_is_in_one_split_and_ends_with_its_newline(listed, coding: str) -> None:
    data = lines(root=str(listed), coding=coding, vocabulary=300)
    found = said(data)
    assert [len(each) for each in found.values()] == [160, 20, 20]
    assert sorted(line for each in found.values() for line in each) == sorted(f"{word}\n" for word in WORDS)


@pytest.mark.parametrize("coding", CODINGS)
def test_lengths_say_what_is_of_a_line_and_the_rest_is_0(listed, coding: str) -> None:
    data = lines(root=str(listed), coding=coding, vocabulary=300)
    space = data.spec.space
    assert space.ragged
    assert space.symbols[space.end] == "\n"
    for split in (data.train, data.val, data.test):
        inside = mask(split.lengths, space.length)
        assert not split.x[~inside].any()
        assert torch.equal((split.x == space.end) & inside, inside & ~mask(split.lengths - 1, space.length))
        assert torch.equal(ended(space, torch.where(inside, split.x, space.end)), split.lengths)
        assert split.x.dtype == space.dtype
    assert max(int(split.lengths.max()) for split in (data.train, data.val, data.test)) == space.length


@pytest.mark.parametrize("coding", CODINGS)
def test_a_line_alone_is_coded_as_among_others(listed, coding: str) -> None:
    data = lines(root=str(listed), coding=coding, vocabulary=300)
    for text, x, n in zip(said(data)["train"], data.train.x, data.train.lengths, strict=True):
        assert torch.equal(encoded(data.spec.space, text), x[:n].long())
    counted = units(data.spec.space, data.train.x, data.train.lengths)
    expected = [len(text.encode() if coding == "bytes" else text) for text in said(data)["train"]]
    assert counted.tolist() == expected


def test_the_split_is_that_of_a_seed(listed) -> None:
    one, other = (lines(root=str(listed)) for _ in "ab")
    assert torch.equal(one.train.x, other.train.x)
    assert said(one)["train"] != sorted(said(one)["train"])


def test_what_is_left_out_or_changed_is_counted(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n\n" + b"".join(b"line %d\r\n" % i for i in range(40)) + b"\r\n" + b"x" * 30 + b"\nlast")
    data = lines(root=str(path), max_length=20)
    assert data.notes[:3] == (
        "41 lines ended with CR LF: the CR is left out.",
        "3 empty line(s) left out.",
        "1 line(s) of more than data.max_length=20 characters left out.",
    )
    assert data.notes[3] == "lines: train 32, val 4, test 5, of at most 8 tokens with their end; vocabulary 19."
    assert "x" not in data.spec.space.symbols
    assert sum(text == "last\n" for each in said(data).values() for text in each) == 1


def test_files_of_a_folder_do_not_run_together(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("\n".join("abcdefgh"))
    (tmp_path / "b.txt").write_text("\n".join("ijklmnop"))
    found = said(lines(root=str(tmp_path)))
    assert sorted(line for each in found.values() for line in each) == [f"{letter}\n" for letter in "abcdefghijklmnop"]


def test_lines_of_several_splits_are_told(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("same\n" * 50)
    assert "5 lines of val and 5 lines of test are among the training lines, too." in lines(root=str(path)).notes


def test_lines_that_are_no_text_are_bytes(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"".join(b"caf\xe9 %d\n" % i for i in range(30)))
    data = lines(root=str(path), coding="bytes")
    assert (data.train.x == 0xE9).sum() == 24
    with pytest.raises(DataError, match=r"byte 3 is 0xe9, which is no UTF-8"):
        lines(root=str(path))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({}, ConfigError, "data.root is missing: give a text file"),
        ({"known": "cities"}, ConfigError, "data.known=cities: there is names"),
        ({"root": "FEW"}, DataError, r"few.txt: 2 line\(s\) of 1 to 256 characters; give 10 at least"),
        ({"root": "FEW", "known": "names"}, DataError, r"few.txt: 2 line\(s\)"),  # a file of one's own
        ({"known": "names", "root": "HERE", "download": False}, DataError, "names.txt is missing: put names.txt from"),
        ({"root": "WORDS", "coding": "words"}, ConfigError, "data.coding=words: give characters, bytes or bpe"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(listed, options, kind: type, message: str) -> None:
    few = listed.with_name("few.txt")
    few.write_text("one\ntwo\n")
    places = {"FEW": few, "HERE": listed.parent, "WORDS": listed}
    if "root" in options:
        options = {**options, "root": str(places[options["root"]])}
    with pytest.raises(kind, match=message):
        lines(**options)


def test_names_that_are_others_are_refused(tmp_path) -> None:
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "names.txt").write_text("emma\n" * 20)
    with pytest.raises(DataError, match=re.escape("names.txt is damaged or another file (sha256")):
        lines(known="names", root=str(tmp_path))


def test_names_are_fetched_where_they_are_missing(tmp_path, monkeypatch) -> None:
    asked = []

    def fetch(urls, target, *, sha256):
        asked.append((urls, target, sha256))
        raise DataError("no network")

    monkeypatch.setattr(module, "fetch", fetch)
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "new"))
    with pytest.raises(DataError, match="no network"):
        lines(known="names")
    one = KNOWN["names"]
    assert asked == [([one.url], tmp_path / "new" / "names" / "names.txt", one.sha256)]


def test_names_are_those_of_the_lectures(need) -> None:
    """The numbers of characters that "Building makemore, part 2" prints."""
    data = lines(known="names", root=str(need("names")))
    assert data.name == "names"
    assert [int(split.lengths.sum()) for split in (data.train, data.val, data.test)] == [182_625, 22_655, 22_866]
    assert [len(split) for split in (data.train, data.val, data.test)] == [25_626, 3_203, 3_204]
    assert data.spec.space.symbols == ("\n", *"abcdefghijklmnopqrstuvwxyz")
    assert said(data)["train"][:3] == ["yuheng\n", "diondre\n", "xavien\n"]
