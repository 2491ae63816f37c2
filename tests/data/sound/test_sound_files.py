from __future__ import annotations

import sys

import numpy as np
import pytest

from genlab.data.sound.sound_files import list_recordings, measure, need_extra, read_mono
from genlab.data.sound.wav import BadSoundError
from genlab.errors import DataError


def test_recordings_are_found_below_a_folder_in_order_and_hidden_ones_are_not(tmp_path):
    for name in ("b/2.wav", "a/1.FLAC", "c.ogg", ".hidden/3.wav", "a/.4.wav", "a/notes.txt", "a/1.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in list_recordings(tmp_path)] == [
        "a/1.FLAC",
        "b/2.wav",
        "c.ogg",
    ]


def test_flac_without_the_extra_is_one_sentence_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    need_extra([tmp_path / "a.wav"], tmp_path)
    with pytest.raises(DataError, match=r"1 of 2 recordings are FLAC or Ogg \(b.flac\): pip install 'genlab\[audio\]'"):
        need_extra([tmp_path / "a.wav", tmp_path / "b.flac"], tmp_path)


@pytest.mark.parametrize(("suffix", "exact"), [(".flac", 2**-15), (".ogg", 0.05)])
def test_packed_files_are_read_by_the_extra(tmp_path, suffix, exact):
    pytest.importorskip("soundfile", reason="soundfile is part of the extra audio")
    import soundfile

    t = np.arange(4000) / 8000
    x = np.stack([0.5 * np.sin(2 * np.pi * 440 * t), 0.5 * np.sin(2 * np.pi * 440 * t)], 1)
    soundfile.write(tmp_path / f"a{suffix}", x, 8000)
    found = measure(tmp_path / f"a{suffix}")
    assert (found.rate, found.channels, found.frames) == (8000, 2, 4000)
    assert np.abs(read_mono(tmp_path / f"a{suffix}") - x[:, 0]).max() < exact


def test_a_packed_file_that_is_damaged_is_told(tmp_path):
    pytest.importorskip("soundfile", reason="soundfile is part of the extra audio")
    import soundfile

    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 9000), 8000)
    whole = (tmp_path / "a.flac").read_bytes()
    for content, reason in [(b"", "empty file"), (b"a text", "."), (whole[: len(whole) // 2], ".")]:
        (tmp_path / "b.flac").write_bytes(content)
        with pytest.raises(BadSoundError, match=reason):
            measure(tmp_path / "b.flac")
