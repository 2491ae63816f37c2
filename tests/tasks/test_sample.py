"""task=sample of sequences: prompts, lengths, likely values, and who has which option."""

from __future__ import annotations

import io
import itertools
import re
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.data.sound.companding import decode
from genlab.data.spaces import Waveform
from genlab.errors import ConfigError
from genlab.models.capabilities import Sequential
from genlab.process.printable import harmless
from genlab.tasks.sample import Sample
from tests.contracts.catalogue import CATALOGUE
from tests.tasks.sequences import (
    BYTES,
    CHARACTERS,
    HOSTILE,
    LINES,
    NUMBERS,
    PICTURE,
    RAGGED_ROLL,
    ROLL,
    SOUND,
    draw,
    small,
)
from tests.tasks.test_task_laws import loaded

SPACES = {"characters": CHARACTERS, "bytes": BYTES, "lines": LINES, "numbers": NUMBERS, "sound": SOUND, "roll": ROLL}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("family", ["rnn", "transformer"])
def test_an_example_depends_on_the_seed_and_its_number_alone(space, family, tmp_path) -> None:
    of = small(space, family)
    most = draw(of, Sample(), tmp_path, n=70, seed=1).arrays["samples"]
    for n in (1, 2, 8, 9, 65):
        assert draw(of, Sample(), tmp_path, n=n, seed=1).arrays["samples"].tobytes() == most[:n].tobytes(), n
    assert draw(of, Sample(), tmp_path, n=8, seed=2).arrays["samples"].tobytes() != most[:8].tobytes()


def test_blocks_are_drawn_from_numbers_of_their_own(tmp_path) -> None:
    firsts = [draw(small(BYTES), Sample(length=1), tmp_path, n=72, seed=seed).arrays["samples"] for seed in range(4)]
    for one, other in itertools.combinations((0, 1, 8, 64), 2):
        assert any(each[one] != each[other] for each in firsts)


@pytest.mark.parametrize("space", [CHARACTERS, BYTES, NUMBERS], ids=["characters", "bytes", "numbers"])
def test_a_prompt_stands_first_and_a_length_is_the_whole(space, tmp_path) -> None:
    prompt = "1 2 3" if space is NUMBERS else "abé"
    for length in (None, 7, 40):
        drawn = draw(small(space), Sample(prompt=prompt, length=length), tmp_path)
        samples = drawn.arrays["samples"]
        assert samples.shape == (3, length or space.length)
        begins = {"characters": [8, 9, 10], "bytes": list("abé".encode()), "numbers": [1, 2, 3]}[space.coding]
        assert (samples[:, : len(begins)] == begins).all()
        assert len({row.tobytes() for row in samples}) == 3
        assert f"after a prompt of {len(begins)} tokens" in drawn.note
        assert drawn.picture().dtype == np.uint8


@pytest.mark.parametrize("stacked", [False, True])
def test_frames_of_a_file_stand_first(stacked, tmp_path) -> None:
    roll = np.random.default_rng(0).integers(0, 2, (5, 4))
    if stacked:
        np.savez(tmp_path / "roll.npz", samples=np.stack([roll, 1 - roll]), lengths=[3, 5])
    else:
        np.save(tmp_path / "roll.npy", roll.astype(np.float32))
    prompt = str(tmp_path / ("roll.npz" if stacked else "roll.npy"))
    drawn = draw(small(ROLL), Sample(prompt=prompt), tmp_path)
    long = 3 if stacked else 5
    assert (drawn.arrays["samples"][:, :long] == roll[:long]).all()
    assert f"after a prompt of {long} frames" in drawn.note


def write_wav(path: Path, *, rate: int = 8000, channels: int = 1, seconds: float = 0.01) -> None:
    """A rising line from silence."""
    count = round(rate * seconds)
    pcm = np.linspace(0, 32000, count).astype("<i2").repeat(channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())


def test_sound_of_a_file_stands_first(tmp_path) -> None:
    space = Waveform(100, levels=256, rate=8000, companding="mu-law")
    for name, rate, channels, said in (
        ("own.wav", 8000, 1, ""),
        ("stereo.wav", 8000, 2, r" \(2 channels mixed down\)"),
        ("cd.wav", 16000, 2, r" \(2 channels mixed down, resampled from 16,000 Hz\)"),
    ):
        write_wav(tmp_path / name, rate=rate, channels=channels)
        drawn = draw(small(space), Sample(prompt=str(tmp_path / name)), tmp_path)
        begins = drawn.arrays["samples"][:, 0, :80]
        assert (begins == begins[0]).all()
        real = decode(torch.from_numpy(begins[0]), levels=256, law="mu-law").numpy()
        assert real[:70] == pytest.approx(np.linspace(0, 32000, 80)[:70] / 32768, abs=0.05)
        assert re.search(rf"after a prompt of 80 samples{said}($|;)", drawn.note)
        rest = drawn.arrays["samples"][:, 0, 80:]
        assert (rest[0] != rest[1]).any()


def test_sound_that_is_none_is_refused(tmp_path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "text.txt").write_text("no sound")
    write_wav(tmp_path / "empty.wav", seconds=0)
    write_wav(tmp_path / "long.wav", seconds=1)
    space = Waveform(100, levels=256, rate=8000)
    for name, said in (
        ("text.wav", "cannot be used"),
        ("text.txt", "no file of sound by its name"),
        ("empty.wav", "cannot be used .no samples"),
        ("none.wav", "is no file; a model of sound goes on from a WAV file"),
        ("long.wav", "has 8,000 samples, without length= a draw has 100, .* length=8001 or more"),
    ):
        with pytest.raises(ConfigError, match=said):
            draw(small(space), Sample(prompt=str(tmp_path / name)), tmp_path)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((5, 3)), r"its shape is \(5, 3\); give \(P, 4\)"),
        (np.full((5, 4), 2), "other values than 0 to 1"),
        (np.zeros((0, 4)), "its shape is"),
        (np.array(["a"]), "its shape is"),
    ],
)
def test_frames_that_are_none_of_the_data_are_refused(array, said, tmp_path) -> None:
    np.save(tmp_path / "roll.npy", array)
    with pytest.raises(ConfigError, match=said):
        draw(small(ROLL), Sample(prompt=str(tmp_path / "roll.npy")), tmp_path)


def test_files_that_are_none_are_refused(tmp_path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    np.savez(tmp_path / "others.npz", y=np.zeros((5, 4)))
    for name, said in (
        ("text.npy", "no .npy or .npz file"),
        ("others.npz", r"holds y; give x \(P, 4\)"),
        ("none.npy", "is no file"),
    ):
        with pytest.raises(ConfigError, match=said):
            draw(small(ROLL), Sample(prompt=str(tmp_path / name)), tmp_path)


@pytest.mark.parametrize("space", [SOUND, ROLL, NUMBERS], ids=["sound", "roll", "numbers"])
def test_other_lengths_than_the_datas_make_files_and_pictures_too(space, tmp_path) -> None:
    for length in (1, 5, 30):
        drawn = draw(small(space), Sample(length=length), tmp_path)
        assert drawn.arrays["samples"].shape[2 if space is SOUND else 1] == length
        assert drawn.picture().ndim == 3
        assert all(make() for make in drawn.files.values())


def test_what_ends_by_itself_has_lengths(tmp_path) -> None:
    arrays = draw(small(LINES), Sample(), tmp_path, n=30).arrays
    for row, length in zip(arrays["samples"], arrays["lengths"], strict=True):
        assert (row[length:] == 0).all()
        assert (row[: length - 1] != LINES.end).all()
        assert row[length - 1] == LINES.end or length == LINES.length
    assert set(arrays["lengths"]) != {LINES.length}
    assert (draw(small(RAGGED_ROLL), Sample(length=5), tmp_path).arrays["lengths"] == 5).all()
    assert "lengths" not in draw(small(BYTES), Sample(), tmp_path).arrays


def test_likely_values_alone(tmp_path) -> None:
    of = small(NUMBERS)
    greedy = [
        draw(of, Sample(**options), tmp_path, n=9).arrays["samples"]
        for options in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-6})
    ]
    assert all((each == greedy[0][0]).all() for each in greedy)
    every = [draw(of, Sample(**options), tmp_path).arrays["samples"] for options in ({}, {"top_p": 1}, {"top_k": 99})]
    assert all((each == every[0]).all() for each in every)
    note = draw(of, Sample(temperature=0.5, top_k=2, top_p=0.9), tmp_path).note
    assert note.startswith("samples at temperature 0.5, top_k 2, top_p 0.9")


def test_a_picture_is_drawn_step_by_step_at_a_temperature(tmp_path) -> None:
    drawn = draw(small(PICTURE), Sample(temperature=1e-6, top_k=1), tmp_path).arrays["samples"]
    assert drawn.shape == (3, 1, 4, 4)
    assert (drawn == drawn[0]).all()


def test_a_class_is_what_is_asked_for(tmp_path) -> None:
    of = small(NUMBERS, condition="label")
    arrays = draw(of, Sample(prompt="1", length=6), tmp_path, n=6, label=2).arrays
    assert (arrays["y"] == 2).all()
    assert (draw(of, Sample(), tmp_path, n=6).arrays["y"] == [0, 1, 2, 0, 1, 2]).all()


@pytest.mark.parametrize("space", [CHARACTERS, BYTES, LINES], ids=["characters", "bytes", "lines"])
@pytest.mark.parametrize("n", [1, 10])
def test_the_first_text_is_streamed_as_the_arrays_have_it(space, n, tmp_path) -> None:
    for seed in range(5):
        out = io.StringIO()
        arrays = draw(small(space), Sample(prompt="a"), tmp_path, n=n, seed=seed, out=out).arrays
        tokens = arrays["samples"][0][: arrays["lengths"][0] if "lengths" in arrays else None]
        symbols = [space.symbols[token] for token in tokens]
        text = "".join(symbols)
        text = text.encode("latin-1").decode("utf-8", "replace") if space is BYTES else text
        shown = out.getvalue()
        assert shown.rstrip("\n") == harmless(text).rstrip("\n")
        assert shown.startswith("a")
        assert shown.endswith("\n\n")
        assert not {*shown} & {*HOSTILE[2:]}


@pytest.mark.parametrize("space", [NUMBERS, SOUND, ROLL, PICTURE], ids=lambda space: space.kind)
def test_what_is_no_text_is_not_streamed(space, tmp_path) -> None:
    out = io.StringIO()
    draw(small(space), Sample(), tmp_path, out=out)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("space", "options", "said"),
    [
        (CHARACTERS, {"prompt": "abx"}, r"prompt: 'x' .* is none of the 12 characters .*; it has .*\\x1b.*abé漢"),
        (CHARACTERS, {"prompt": r"a\nb"}, r"a shell writes a line end as \$'\\n'"),
        (CHARACTERS, {"prompt": "a" * 24}, "prompt: has 24 tokens, without length= .* 24, .* length=25 or more"),
        (CHARACTERS, {"prompt": "abé", "length": 3}, "prompt: has 3 tokens, length=3 leaves nothing .* length=4 or"),
        (NUMBERS, {"prompt": "1 5"}, "prompt: '5' is no token: give numbers from 0 to 4"),
        (LINES, {"prompt": "ab\n"}, r"prompt: holds \\n, which ends an example"),
        (ROLL, {"top_k": 3}, "top_k=3: needs a probability of each value"),
    ],
)
def test_what_cannot_be_is_refused(space, options, said, tmp_path) -> None:
    with pytest.raises(ConfigError, match=said):
        draw(small(space), Sample(**options), tmp_path)


@pytest.mark.parametrize("option", ["prompt", "length", "top_k", "top_p", "temperature"])
def test_who_does_not_draw_step_by_step_says_so(option) -> None:
    others = {case.name: loaded(case) for case in CATALOGUE}
    others = {name: of for name, of in others.items() if not isinstance(of.model, Sequential)}
    said = {name: Sample.lacks_with(of, {option: 1}) for name, of in others.items()}
    able = {name for name, lacks in said.items() if lacks is None}
    flows = {name for name in said if {*name.split("-")} & {"realnvp", "nice", "idf"}}
    captioned = {name for name in said if "captions" in name}
    assert able == {"temperature": flows, "prompt": captioned}.get(option, set())
    assert all(lacks is None or (lacks[0] == option and "model=rnn" in lacks[1]) for lacks in said.values())
    assert Sample.lacks_with(small(NUMBERS), {option: 1}) is None
    assert (Sample.lacks_with(small(PICTURE), {option: 1}) is None) == (option not in ("prompt", "length"))


def test_a_length_that_no_memory_holds_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"length=1000000000000: the memory does not hold 3 draws .* give less"):
        draw(small(NUMBERS), Sample(length=10**12), tmp_path)
