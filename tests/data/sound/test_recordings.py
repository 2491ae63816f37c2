from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.data.lengths import mask
from genlab.data.sound import recordings
from genlab.data.sound.recordings import common_rate, conversions, cut, survey
from genlab.data.sound.sound_files import Facts
from genlab.errors import DataError

SETTINGS = {"levels": 65536, "law": "linear"}


@pytest.fixture
def sounds(tmp_path, record):
    """Recordings of 1, 7, 10, 20 and 23 samples, and what they are."""
    random = np.random.default_rng(0)
    values = {
        record(tmp_path / f"{n:02}.wav", x): x
        for n in (1, 7, 10, 20, 23)
        if (x := random.integers(-9999, 9999, n)).any()
    }
    return tmp_path, values


@pytest.mark.parametrize("length", [1, 7, 10, 23, 100, None])
def test_pieces_are_each_recording_once_and_in_order(sounds, own_cache, length):
    base, values = sounds
    facts = survey([*values], base=base).facts
    made, space = cut(facts, rate=8000, length=length, base=base, **SETTINGS)
    assert space.ragged
    assert space.shape == made.x.shape[1:] == (1, min(length or 23, 23))
    assert made.lengths.min() > 0
    start = 0
    for samples, count in zip(values.values(), made.counts, strict=True):
        held = made.x[start : start + count, 0]
        whole = np.concatenate([row[:n] for row, n in zip(held, made.lengths[start : start + count], strict=True)])
        assert (whole - 32768).tolist() == samples.tolist()
        assert (made.lengths[start : start + count - 1] == space.length).all()  # all but the last are full
        start += count
    assert start == len(made.x)
    outside = ~mask(torch.from_numpy(made.lengths), space.length).numpy()
    assert (made.x[:, 0][outside] == 0).all()


def test_what_was_decoded_is_read_from_the_cache_unless_a_file_or_an_option_has_changed(sounds, record, monkeypatch):
    base, values = sounds
    read = []
    original = recordings.read_mono
    monkeypatch.setattr(recordings, "read_mono", lambda path: read.append(path.name) or original(path))

    def again(**changed):
        read.clear()
        options = {"rate": 8000, "length": 8, **SETTINGS, **changed}
        made, _ = cut(survey([*values], base=base).facts, base=base, **options)
        return made.x.copy(), len(read)

    first, count = again()
    assert count == 5
    second, count = again()
    assert count == 0
    assert (first == second).all()
    for other in ({"rate": 4000}, {"length": 9}, {"levels": 256}, {"law": "mu-law"}):
        assert again(**other)[1] == 5, other
    record(base / "07.wav", np.arange(9))
    assert again()[1] == 5


def test_files_that_cannot_be_read_are_counted_and_named_also_from_the_cache(sounds, monkeypatch):
    base, values = sounds
    (base / "empty.wav").touch()
    for index in range(6):
        (base / f"text{index}.wav").write_text("a text that was renamed")
    files = [base / "empty.wav", *values, *sorted(base.glob("text*"))]
    first, second = survey(files, base=base), survey(files, base=base)
    assert first == second
    assert list(first.facts) == list(values)
    (note,) = first.notes
    assert "7 of 12 recordings cannot be read and are left out: empty.wav (empty file), text0.wav (no WAV" in note
    assert note.endswith("and 2 more.")
    with pytest.raises(DataError, match=r"7 of 7 recordings cannot be read, so none is left: empty\.wav"):
        survey([file for file in files if file not in values], base=base)


def test_what_is_done_to_recordings_is_said_with_its_number(tmp_path):
    names = [tmp_path / f"{i}.wav" for i in range(4)]
    same = dict.fromkeys(names, Facts(8000, 1, 9, 1.0))
    assert conversions(same, rate=8000, base=tmp_path) == []
    mixed = same | {names[0]: Facts(44100, 2, 9, 1.0), names[1]: Facts(8000, 2, 9, 2.5)}
    assert [each.partition(": ")[2] for each in conversions(mixed, rate=8000, base=tmp_path)] == [
        "2 of 4 recordings had two channels: mixed down.",
        "1 of 4 recordings had another rate (1 at 44,100 Hz): resampled to 8,000 Hz.",
        "1 of 4 recordings go beyond -1 to 1 (up to 2.5): cut there.",
    ]
    surround = same | {names[0]: Facts(8000, 2, 9, 1.0), names[1]: Facts(8000, 6, 9, 1.0)}
    assert "2 of 4 recordings had 2 to 6 channels: mixed down." in conversions(surround, rate=8000, base=tmp_path)[0]
    assert common_rate(same | {names[0]: Facts(44100, 1, 9, 1.0)}) == 8000
    assert common_rate({names[0]: Facts(44100, 1, 9, 1.0), names[1]: Facts(8000, 1, 9, 1.0)}) == 44100


def test_one_long_recording_does_not_blow_up_the_others(tmp_path):
    facts = {tmp_path / f"{index}.wav": Facts(8000, 1, 10**9 if index == 0 else 900, 1.0) for index in range(40)}
    with pytest.raises(DataError, match=r"40 recordings would take 149 GiB: give data.length"):
        cut(facts, rate=8000, length=None, base=tmp_path, **SETTINGS)


def test_a_file_that_changes_meanwhile_stops_the_run(sounds):
    base, values = sounds
    facts = survey([*values], base=base).facts
    (base / "07.wav").write_bytes((base / "10.wav").read_bytes())
    with pytest.raises(DataError, match=r"07.wav has changed while it was read: run again"):
        cut(facts, rate=8000, length=8, base=base, **SETTINGS)
    (base / "07.wav").write_text("gone")
    with pytest.raises(DataError, match=r"07.wav has changed while it was read \(no WAV file"):
        cut(facts, rate=8000, length=8, base=base, **SETTINGS)
