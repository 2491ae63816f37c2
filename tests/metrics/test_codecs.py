"""Baselines of the data alone: the figures of real sets, and what a compressor is given."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from genlab.data.spaces import Dataset, DataSpec, Frames, Image, Split, Tokens, Waveform
from genlab.evaluation import compressors, order_zero
from genlab.evaluation.record import Record
from genlab.metrics import METRICS, Subject
from genlab.models.sequence.rnn import RNN
from genlab.restore import Loaded

ROOT = Path(os.environ.get("GENLAB_DATA", "/nowhere"))


def records(data: Dataset) -> dict[str, Record]:
    model = RNN(data.spec, width=2, layers=1)
    loaded = Loaded(Path(), {}, data.spec, 0, model)
    config = {"split": "test", "seed": 0, "batch_size": 100, "metric": {}}
    subject = Subject(loaded, model, data, config, Console(quiet=True), Path())
    assert METRICS["codecs"].lacks(loaded) is None
    found: Iterator[Record] = METRICS["codecs"]().compute(subject)
    return {record.metric: record for record in found}


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (ROOT / name).exists(), reason=f"{name} is not in $GENLAB_DATA")


@needs("tinyshakespeare")
def test_figures_of_text() -> None:
    from genlab.data.sources.text import text

    root = ROOT / "tinyshakespeare/input.txt"
    found = records(text(root=root, coding="characters", split="nanogpt", length=60, stride=1))
    assert found["bz2_given_train"].value == pytest.approx(2.398, abs=0.002)
    assert found["xz_given_train"].value == pytest.approx(2.518, abs=0.002)
    assert found["gzip"].value == pytest.approx(3.191, abs=0.002)
    assert found["order_0"].value == pytest.approx(4.83, abs=0.01)
    assert {record.unit for record in found.values()} == {"bits/character"}


@needs("free-spoken-digit-dataset")
def test_figures_of_sound() -> None:
    from genlab.data import spoken_digits

    found = records(spoken_digits(root=ROOT / "free-spoken-digit-dataset"))
    values = {"order_0": 7.181, "bz2": 5.487, "xz": 5.428}
    assert {name: found[name].value for name in values} == pytest.approx(values, abs=0.002)
    assert found["xz"].unit == "bits/sample"


@needs("poly_music")
@pytest.mark.parametrize(("file", "nats", "given"), [("JSB_Chorales", 11.061, 11.09), ("Nottingham", 10.252, 10.26)])
def test_figures_of_rolls(file: str, nats: float, given: float) -> None:
    from genlab.data import music

    data = music(root=ROOT / f"poly_music/{file}.mat")
    found = records(data)
    assert found["order_0"].value == pytest.approx(nats, abs=0.002)
    assert found["xz"].unit == "nats/frame"
    after = Split(data.test.x[:, 1:], lengths=data.test.lengths - 1)  # given the first frame, as the literature has it
    total = order_zero.nats(data.spec.space, data.train, after).sum() / after.lengths.sum()
    assert total.item() == pytest.approx(given, abs=0.005)


@needs("static_mnist")
def test_figures_of_binary_pictures() -> None:
    with gzip.open(ROOT / "static_mnist/binarized_mnist_test.amat.gz") as file:
        x = np.frombuffer(file.read(), np.uint8).reshape(-1, 1568)[:, 0::2] - 48
    split = Split(torch.from_numpy(x.reshape(-1, 1, 28, 28)))
    found = records(Dataset("static", DataSpec((1, 28, 28), 2), split, split, split))
    values = {"gzip": 0.317, "bz2": 0.249, "xz": 0.270}
    assert {name: found[name].value for name in found} == pytest.approx(values, abs=0.002)


def test_a_compressor_is_given_the_values_and_no_padding() -> None:
    lengths = torch.tensor([2, 1])
    sound = Split(torch.tensor([[[7, 300, 0]], [[1, 0, 0]]]), lengths=lengths)
    assert compressors.content(Waveform(3, levels=512, ragged=True), sound) == bytes([7, 0, 44, 1, 1, 0])
    roll = Split(torch.tensor([[[1, 0, 1], [1, 1, 1], [0, 0, 0]], [[0, 0, 1], [0, 0, 0], [0, 0, 0]]]), lengths=lengths)
    assert compressors.content(Frames(3, 3, 2), roll) == bytes([0b10100000, 0b11100000, 0b00100000])
    grey = Split(torch.arange(8).view(2, 1, 2, 2))
    assert compressors.content(Image(1, 2, 2, 17), grey) == bytes(range(8))


def test_of_text_it_is_given_what_the_tokens_write() -> None:
    letters = Tokens(3, 2, coding="characters", symbols=("a", "ä"), ragged=True)
    lines = Split(torch.tensor([[0, 1, 0], [1, 0, 0]]), lengths=torch.tensor([2, 1]))
    assert compressors.content(letters, lines).decode() == "aää"
    windows = Split(torch.tensor([97, 98, 99, 100, 101, 102], dtype=torch.uint8).unfold(0, 4, 1))
    assert (
        compressors.content(Tokens(4, 256, coding="bytes", symbols=tuple(map(chr, range(256)))), windows) == b"abcdef"
    )


def test_what_was_read_before_helps_and_sizes_are_in_the_unit() -> None:
    g = torch.Generator().manual_seed(0)
    once = torch.randint(256, (40, 25), generator=g, dtype=torch.uint8)
    space = Tokens(25, 256, coding="bytes", symbols=tuple(map(chr, range(256))))
    found = records(Dataset("any", DataSpec(space=space), Split(once), Split(once), Split(once)))
    assert found["gzip"].value == pytest.approx(8, abs=0.3)
    assert found["xz_given_train"].value < 0.5
    assert found["order_0"].value < found["gzip"].value + 0.1
