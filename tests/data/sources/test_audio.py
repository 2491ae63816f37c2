"""Folders of recordings, and the free spoken digits with their known numbers."""

from __future__ import annotations

import math
from itertools import chain

import numpy as np
import pytest
import torch

import genlab.data as data
from genlab.data.spaces import Waveform
from genlab.errors import ConfigError, DataError

PARTS = ("train", "val", "test")


def samples(split):
    """The pieces of a split one after the other."""
    return torch.cat([x[0, :n] for x, n in zip(split.x, split.lengths, strict=True)])


@pytest.fixture
def tones(tmp_path, record):
    """40 recordings of two classes, each of one value that no other has."""
    for index in range(40):
        record(tmp_path / "tones" / ("low", "high")[index % 2] / f"{index}.wav", np.full(5 + index, index * 256))
    return tmp_path / "tones"


def test_a_folder_with_classes(tones):
    d = data.audio(root=tones, length=10, levels=256, companding="linear")
    assert d.name == "tones"
    assert d.spec.space == Waveform(10, 1, 256, 8000, companding="linear", ragged=True)
    assert d.spec.classes == ("high", "low")
    assert d.train.x.dtype == torch.uint8
    found = {part: sorted({int(v) - 128 for v in samples(getattr(d, part))}) for part in PARTS}
    assert sorted(chain.from_iterable(found.values())) == list(range(40))  # no recording is in two splits, none is lost
    assert min(map(len, found.values())) >= 2
    for part in PARTS:
        split = getattr(d, part)
        values = split.x[:, 0, 0].int() - 128
        assert torch.equal(split.y, (values % 2 == 0).long())  # pieces have their recording's label
        for value in found[part]:
            assert split.lengths[values == value].sum() == 5 + value
    assert any("40 recordings" in note and "pieces of at most 10 samples" in note for note in d.notes)
    assert any("2 classes (train/val/test)" in note for note in d.notes)


def test_the_split_depends_on_names_alone(tones, record):
    def held():
        d = data.audio(root=tones, companding="linear", label=None)
        assert d.spec.num_classes is None
        assert d.train.y is None
        return {part: {int(v) for v in samples(getattr(d, part))} for part in PARTS}

    before = held()
    record(tones / "low" / "new.wav", np.full(5, -256))
    after = held()
    assert all(before[part] <= after[part] for part in PARTS)


def test_folders_of_splits_are_splits_and_no_classes(tmp_path, record):
    for part, value in (("train", 1), ("valid", 2), ("Test", 3)):
        for name in ("a", "b"):
            record(tmp_path / "set" / part / name / "x.wav", np.full(9, 256 * value))
    d = data.audio(root=tmp_path / "set", companding="linear")
    assert [int(getattr(d, part).x[0, 0, 0]) - 128 for part in PARTS] == [1, 2, 3]
    assert d.spec.classes == ("a", "b")
    record(tmp_path / "set" / "more" / "x.wav", np.full(9, 7))
    with pytest.raises(DataError, match="beside other recordings, or without train/"):
        data.audio(root=tmp_path / "set")


def test_names_of_spoken_digits_have_the_official_split(spoken):
    d = data.audio(root=spoken, length=None)
    assert [len(getattr(d, part)) for part in PARTS] == [12, 30, 30]
    assert d.spec.classes == ("1", "2", "7")
    assert d.spec.space.length == 20 + 33 + 7
    assert any("index 0 to 4 is test (30 recordings, the official split)" in note for note in d.notes)
    assert data.audio(root=spoken, label="speaker").spec.classes == ("ada", "bo")
    own = data.spoken_digits(root=spoken)
    assert own.name == "spoken_digits"
    assert torch.equal(own.test.x, data.audio(root=spoken).test.x)
    assert data.spoken_digits(root=spoken, label=None).test.y is None


@pytest.mark.parametrize("rate", [None, 4000])
def test_odd_files_each_have_their_sentence(tmp_path, record, own_cache, rate):
    t = np.arange(4410) / 44100
    tone = np.rint(9000 * np.sin(2 * np.pi * 400 * t)).astype(int)
    base = tmp_path / "odd"
    for index in range(4):
        record(base / f"plain{index}.wav", tone[:100])
    record(base / "eight.wav", (tone[:100] >> 8) + 128, width=1)
    record(base / "stereo.wav", np.stack([tone, tone], 1)[:100])
    record(base / "cd.wav", tone, rate=44100)
    (base / "empty.wav").touch()
    record(base / "none.wav", np.empty(0))
    (base / "renamed.wav").write_text("a text")
    (base / "cut.wav").write_bytes(record(base / "x.wav", tone).read_bytes()[:1000])
    (base / "x.wav").unlink()
    (base / "notes.txt").touch()
    d = data.audio(root=base, rate=rate)
    said = "\n".join(d.notes)
    assert "4 of 11 recordings cannot be read and are left out: " in said
    for reason in ("cut.wav (cut short: 478 of 4,410 samples", "empty.wav (empty file)", "none.wav (no samples)"):
        assert reason in said
    assert "renamed.wav (no WAV file, whatever its name says)" in said
    assert "1 of 7 recordings had two channels: mixed down." in said
    if rate is None:
        assert "1 of 7 recordings had another rate (1 at 44,100 Hz): resampled to 8,000 Hz." in said
    else:
        assert "(6 at 8,000 Hz, 1 at 44,100 Hz): resampled to 4,000 Hz." in said
    assert "files that are not read: 1 .txt." in said
    total = sum(int(getattr(d, part).lengths.sum()) for part in PARTS)
    assert total == (6 * 100 + 800 if rate is None else 6 * 50 + 400)


def test_folders_without_recordings_say_what_they_hold(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="does not exist: give the folder that holds the recordings"):
        data.audio(root=tmp_path / "gone")
    (tmp_path / "a.mp3").touch()
    with pytest.raises(DataError, match=r"holds no recordings \(it holds 1 .mp3\)"):
        data.audio(root=tmp_path)
    (tmp_path / "a.wav").touch()
    with pytest.raises(DataError, match=r"none is left: a.wav \(empty file\)"):
        data.audio(root=tmp_path)
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    (tmp_path / "a.wav").unlink()
    with pytest.raises(DataError, match=r"from https://github\.com/Jakobovski/free-spoken-digit-dataset"):
        data.spoken_digits()


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"rate": 10**6}, {"levels": 1}, {"levels": 65537}, {"length": 0}])
def test_options_out_of_range(tones, wrong):
    with pytest.raises(ConfigError, match=f"data.{next(iter(wrong))}="):
        data.audio(root=tones, **wrong)


def test_65536_linear_levels_are_the_samples_of_16_bits(tmp_path, record):
    values = np.array([-32768, -1, 0, 1, 32767])
    for index in range(4):
        record(tmp_path / "raw" / f"{index}.wav", values)
    d = data.audio(root=tmp_path / "raw", levels=65536, companding="linear")
    assert d.train.x.dtype == torch.int32
    assert (d.train.x[0, 0] - 32768).tolist() == values.tolist()


@pytest.fixture(scope="module")
def digits(data_folder):
    if not (data_folder / "free-spoken-digit-dataset").is_dir():
        pytest.skip(f"{data_folder / 'free-spoken-digit-dataset'} is absent")
    return data.spoken_digits(root=data_folder)


def test_the_spoken_digits_are_all_there(digits):
    total = {part: int(getattr(digits, part).lengths.sum()) for part in PARTS}
    assert sum(total.values()) == 10_498_424
    assert total["test"] == 1_034_030
    assert digits.spec.space == Waveform(4096, 1, 256, 8000, companding="mu-law", ragged=True)
    assert any("0 240/30/30, 1 240/30/30" in note for note in digits.notes)


def test_the_spoken_digits_have_their_known_entropies(digits):
    """Order 0 and 1 with the counts of all that is not test: 7.181 and 5.448 bits a sample."""
    train, test = torch.cat([samples(digits.train), samples(digits.val)]).long(), samples(digits.test).long()
    p = train.bincount(minlength=256) / len(train)
    assert -p[test].log2().double().mean() == pytest.approx(7.181, abs=1e-3)
    pairs = (train[:-1] * 256 + train[1:]).bincount(minlength=256 * 256).view(256, 256).double() + 1
    after = pairs / pairs.sum(1, keepdim=True)
    assert -after[test[:-1], test[1:]].log2().mean() == pytest.approx(5.448, abs=1e-3)
    assert math.log2(256) == 8
