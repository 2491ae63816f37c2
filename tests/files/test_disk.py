"""What the operating system refuses: full disks, names that are too long, a working directory that is gone."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from genlab.cli.main import main
from genlab.errors import GenlabError, TrainingError
from genlab.evaluation.artefacts.grids import save_png
from genlab.files import atomic
from genlab.launch import start


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genlab"])
    return tmp_path


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "x")


def one_line(capsys: pytest.CaptureFixture, *words: str) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("genlab: error: ")
    assert "a bug" not in line
    assert len(line) < 400
    for word in words:
        assert word in line
    return line


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["train", f"outputs={LONG}"], 2),
        (["train", f"resume={LONG}"], None),
        (["sample", f"ckpt={LONG}"], 4),
        (["compare", LONG], None),
        (["train", f"--config-dir={LONG}"], None),
    ],
)
def test_a_path_of_5000_characters_is_one_line(
    words: list[str], code: int | None, here: Path, capsys: pytest.CaptureFixture
) -> None:
    status = main(words)
    assert status in ({2, 3, 4} if code is None else {code})
    one_line(capsys)


def test_a_working_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["train"]) == 2
    one_line(capsys, "working directory is gone")


def test_a_disk_that_is_full_when_the_run_is_made_leaves_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(os, "fsync", full)
    assert main(["train", "outputs=o"]) == 5
    one_line(capsys, "config.yaml", "outputs=FOLDER")
    assert [path for path in (here / "o").rglob("*") if path.is_file()] == []


def test_a_disk_that_is_full_where_nobody_expects_it_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(start, "start", full)
    assert main(["train", "outputs=o"]) == 5
    one_line(capsys, "No space left")


def test_a_picture_on_a_full_disk_names_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(TrainingError, match=rf"a\.png in {tmp_path}"):
        save_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_is_none_of_the_disk_is_not_explained() -> None:
    assert atomic.told(ValueError("x")) is None
    assert atomic.told(OSError(errno.ECONNREFUSED, "refused")) is None
    assert isinstance(atomic.told(OSError(errno.EDQUOT, "quota", "x")), GenlabError)
