"""``metric=compression``: the file's own size, in the unit of the data, beside others on the same examples."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from genlab.codec.files import compress
from genlab.codec.material import of_split
from genlab.data import digits
from genlab.data.spaces import Dataset, DataSpec, Split, Tokens, Waveform
from genlab.evaluation import compressors, picture_codecs
from genlab.metrics import METRICS, Subject
from genlab.models import GAN, RNN, PixelCNN, histogram
from genlab.restore import Loaded


def subject_of(model: torch.nn.Module, data: Dataset) -> Subject:
    loaded = Loaded(Path(), {"name": "x"}, data.spec, 0, model.eval())
    config = {"split": "test", "seed": 0, "batch_size": 100, "metric": {}}
    return Subject(loaded, model, data, config, Console(quiet=True), Path())


def test_it_is_the_size_of_the_file():
    data = digits()
    model = histogram(data.spec)
    model.fit(data.train, data.val, generator=torch.Generator().manual_seed(0))
    found = {each.metric: each for each in METRICS["compression"](n="all").compute(subject_of(model, data))}
    content = of_split(model, data.spec, data.test, n=None, lanes=16)
    done = compress(model, data.spec, content, name="x")
    values = len(data.test) * 64
    assert found["compression"].value == 8 * len(done.file) / values
    nll = -model.log_prob(data.test.x).double().sum().item()
    assert found["compression_ideal"].value == pytest.approx(nll / np.log(2) / values, rel=1e-5)
    assert found["xz"].value == 8 * compressors.sizes("xz", compressors.content(data.spec.space, data.test)) / values
    assert {each.unit for each in found.values()} == {"bits/dim"}
    assert found["png_tall"].value < found["png"].value
    assert {each.n for each in found.values()} == {len(data.test)}


def test_fewer_examples_are_those_of_the_seed():
    data = digits()
    model = PixelCNN(data.spec, channels=4, blocks=0, kernel_size=3, head_channels=4)
    found = list(METRICS["compression"](n=9).compute(subject_of(model, data)))
    assert {each.n for each in found} == {9}


def test_text_has_characters_as_its_unit():
    symbols = tuple("abcdefg")
    spec = DataSpec(space=Tokens(10, 7, coding="characters", symbols=symbols))
    splits = [Split(torch.randint(7, (6, 10)).to(spec.dtype)) for _ in range(3)]
    data = Dataset("letters", spec, *splits)
    found = {each.metric: each for each in METRICS["compression"]().compute(subject_of(RNN(spec, width=4), data))}
    assert found["compression"].unit == "bits/character"
    assert found["compression_payload"].value * 60 <= found["compression_ideal"].value * 60 * 1.001 + 64
    assert "png" not in found


def test_who_compresses_nothing_is_told():
    data = digits()
    loaded = subject_of(GAN(data.spec, latent_dim=2, hidden=[4]), data).loaded
    assert "model that compresses" in METRICS["compression"].lacks(loaded)


def test_without_its_library_it_is_missing_and_all_goes_on(monkeypatch):
    metric = METRICS["compression"]()
    assert metric.missing() is None
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "constriction" else found(name))
    assert "pip install 'genlab[codec]'" in metric.missing()


def test_formats_are_without_loss():
    import io

    from PIL import Image

    spec = DataSpec((3, 9, 7), 256)
    x = torch.randint(256, (4, 3, 9, 7), dtype=torch.uint8)
    written = picture_codecs.writers(spec.space)
    pixels = x[0].permute(1, 2, 0).contiguous().numpy()
    for name in ("png", "webp"):
        back = np.asarray(Image.open(io.BytesIO(written[name](pixels))).convert("RGB"))
        assert np.array_equal(back, pixels)
    import imagecodecs

    assert np.array_equal(imagecodecs.jpegls_decode(written["jpeg_ls"](pixels)), pixels)
    assert np.array_equal(imagecodecs.jpegxl_decode(written["jpeg_xl"](pixels)), pixels)


def test_sound_is_written_as_flac():
    import io

    soundfile = pytest.importorskip("soundfile")
    space = Waveform(400, 1, 256, 8000)
    x = torch.randint(256, (2, 1, 400), dtype=torch.uint8)
    write = picture_codecs.writers(space)["flac"]
    samples = x[0].T.numpy()
    back, rate = soundfile.read(io.BytesIO(write(samples)), dtype="int16")
    assert rate == 8000
    assert np.array_equal(back + 128, samples[:, 0])
    ((name, size, _),) = picture_codecs.sizes(space, x)
    assert name == "flac"
    assert size > 400
    ((_, less, _),) = picture_codecs.sizes(space, x, torch.tensor([400, 100]))
    assert less < size - 200
