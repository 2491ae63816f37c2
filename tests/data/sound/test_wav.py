from __future__ import annotations

import struct

import numpy as np
import pytest

from genlab.data.sound import wav
from genlab.data.sound.sound_files import Facts, measure, read_mono
from genlab.data.sound.wav import BadSoundError

RAMP = np.array([0, 1, -1, 64, -64, 127, -128])


def form(kind=1, channels=1, rate=8000, width=2, bits=None, more=b""):
    return struct.pack("<HHIIHH", kind, channels, rate, rate * width, channels * width, bits or 8 * width) + more


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_integers_of_every_width_are_the_same_sound(tmp_path, record, width):
    shifted = RAMP + 128 if width == 1 else RAMP << 8 * (width - 1)
    path = record(tmp_path / "a.wav", shifted, width=width, rate=11025)
    assert measure(path) == Facts(11025, 1, len(RAMP), 1.0)
    assert read_mono(path).tolist() == (RAMP / 128).tolist()


def test_channels_are_mixed_down_to_their_mean(tmp_path, record):
    path = record(tmp_path / "a.wav", np.array([[100, 300], [-32768, 32767], [0, 1]]))
    assert measure(path).channels == 2
    assert (read_mono(path) * 32768).tolist() == [200, -0.5, 0.5]


@pytest.mark.parametrize(("width", "dtype"), [(4, "<f4"), (8, "<f8")])
def test_floating_point_samples_are_read_and_their_peak_is_known(tmp_path, riff, width, dtype):
    x = np.array([0.0, -0.25, 1.5], dtype)
    path = riff(tmp_path / "a.wav", x.tobytes(), form(kind=3, width=width))
    assert measure(path) == Facts(8000, 1, 3, 1.5)
    assert read_mono(path).tolist() == x.tolist()
    x[1] = np.nan
    with pytest.raises(BadSoundError, match="no finite numbers"):
        measure(riff(tmp_path / "b.wav", x.tobytes(), form(kind=3, width=width)))


def test_the_extensible_format_is_read_in_every_python(tmp_path, riff):
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    more = struct.pack("<HHI", 22, 24, 4) + guid
    path = riff(tmp_path / "a.wav", b"\0\0\x40" * 2, form(kind=0xFFFE, width=3, more=more))
    assert read_mono(path).tolist() == [0.5, 0.5]


def test_other_chunks_are_passed_over_and_an_odd_one_is_padded(tmp_path, riff):
    path = riff(tmp_path / "a.wav", struct.pack("<h", 16384), form(), before=b"LIST" + struct.pack("<I", 3) + b"abc\0")
    assert read_mono(path).tolist() == [0.5]


def test_a_file_whose_writer_did_not_know_its_length_is_read_to_its_end(tmp_path, riff):
    path = riff(tmp_path / "a.wav", struct.pack("<3h", 1, 2, 3), form(), said=wav.STREAMED)
    assert measure(path).frames == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"this is a text that was renamed\n", "no WAV file"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "cut short: it ends before its samples"),
    ],
    ids=["empty", "text", "head"],
)
def test_what_is_no_wav_file_is_told(tmp_path, content, reason):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadSoundError, match=reason):
        measure(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("body", "head", "said", "reason"),
    [
        (b"", form(), None, "no samples"),
        (b"\0\0\0\0", form(), 400, "cut short: 2 of 200 samples are there"),
        (b"\0" * 4, form(kind=7, width=1), None, "mu-law in a WAV file: convert it to PCM"),
        (b"\0" * 4, form(kind=4242), None, "format 4242 in a WAV file"),
        (b"\0" * 4, form(channels=0), None, "damaged header: 16 bits, 0 channels"),
        (b"\0" * 8, form(width=8), None, "damaged header: 64 bits"),
        (b"\0" * 4, form(rate=0), None, "damaged header: 0 samples a second"),
        (b"\0" * 4, form()[:8], None, "damaged header"),
    ],
    ids=["none", "cut", "mu-law", "unknown", "channels", "width", "rate", "header"],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, riff, body, head, said, reason):
    with pytest.raises(BadSoundError, match=reason):
        measure(riff(tmp_path / "a.wav", body, head, said=said))


def test_a_link_that_leads_nowhere_is_a_reason_and_no_crash(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "gone")
    with pytest.raises(BadSoundError, match="No such file"):
        measure(tmp_path / "a.wav")
