"""Every space with every family that might have it: trains, samples, saves and draws, or is refused in one sentence.

Through the command line, on arrays of a user's own. What is refused is refused before anything is trained, and where
``data.kind`` tells it before there is a run directory; the sentence names what fits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from genlab.cli.main import main

N = 64
STEPS = 20
RANDOM = np.random.RandomState(0)


def _waves(dtype=float):
    t = np.arange(32) / 32
    x = np.sin(2 * np.pi * (RANDOM.randint(1, 4, (N, 1)) * t + RANDOM.rand(N, 1)))
    return x if dtype is float else ((x + 1) * 127.5).astype(dtype)


def _vectors(dim):
    return RANDOM.randn(N, dim) @ RANDOM.randn(dim, dim)


def _integers(*shape, top, dtype=np.int64):
    x = np.clip(RANDOM.randn(N, *shape) * top / 8 + top / 2, 0, top - 1).astype(dtype)
    x.flat[0] = top - 1
    return x


SPACES = {
    "grey": ("image", {"x": _integers(1, 8, 8, top=256, dtype=np.uint8), "y": np.arange(N) % 2}),
    "colour": ("image", {"x": _integers(3, 8, 8, top=256, dtype=np.uint8), "y": np.arange(N) % 2}),
    "binary": ("image", {"x": _integers(1, 8, 8, top=2, dtype=np.uint8), "y": np.arange(N) % 2}),
    "number": ("vector", {"x": _vectors(1)}),
    "plane": ("vector", {"x": _vectors(2)}),
    "vectors": ("vector", {"x": _vectors(10)}),
    "integers": ("vector", {"x": _integers(10, top=400)}),
    "waveform": ("waveform", {"x": _waves()}),
    "bytes": ("waveform", {"x": _waves(np.uint8)}),
    "video": ("video", {"x": _integers(3, 1, 6, 6, top=256, dtype=np.uint8)}),
    "symbols": ("tokens", {"x": RANDOM.randint(299, size=(N, 12))}),
    "words": ("tokens", {"x": RANDOM.randint(50_000, size=(N, 12)), "lengths": RANDOM.randint(1, 13, N)}),
    "rolls": ("frames", {"x": RANDOM.randint(2, size=(N, 8, 12)), "lengths": RANDOM.randint(4, 9, N)}),
}
"""By name: ``data.kind``, and the arrays."""

MODELS = {
    "vae": ["model.hidden=[16]", "model.channels=4"],
    "gan": ["model.hidden=[16]"],
    "ebm": ["model.hidden=[8]", "model.channels=2", "model.chain_steps=2", "objective.steps=2"],
    "realnvp": ["model.hidden=[8]", "model.channels=2", "model.couplings=1"],
    "histogram": [],
    "kde": [],
    "gmm": ["model.components=2"],
    "ppca": [],
    "knn": [],
    "naive_bayes": [],
    "rnn": ["model.width=8", "model.layers=1"],
    "transformer": ["model.width=8", "model.heads=2", "model.layers=1"],
}
"""By name: what makes it small."""

IMAGES = {"grey", "colour", "binary"}
FIXED = {*IMAGES, "number", "plane", "vectors", "integers", "waveform", "bytes", "video"}
STEPPED = {*IMAGES, "integers", "bytes", "symbols", "words", "rolls"}
COUNTED = FIXED - {"waveform"}  # a density of reals is fitted to vectors only

FITS = {
    "vae": FIXED,
    "gan": FIXED,
    "ebm": FIXED,
    "realnvp": FIXED - {"number"},
    "histogram": COUNTED - {"vectors"},  # whose cells are too many
    "kde": COUNTED,
    "gmm": COUNTED,
    "ppca": COUNTED - {"number"},
    "knn": COUNTED - {"vectors"},
    "naive_bayes": IMAGES,
    "rnn": STEPPED,
    "transformer": STEPPED,
}
"""By model: the spaces that it models; the others are refused."""


TOLD_BY_KIND = {"symbols", "words", "rolls"}
"""Spaces whose ``data.kind`` is refused; what else does not fit is told by the file. Naive Bayes wants images."""

QUICK = {
    *(("vae", space) for space in SPACES if space != "vectors"),
    *(("realnvp", space) for space in ("number", "integers", "waveform", "video", "rolls")),
    *(("ebm", space) for space in ("waveform", "bytes")),
    ("gan", "waveform"),
    ("kde", "waveform"),
    ("kde", "bytes"),
    ("histogram", "integers"),
    ("histogram", "vectors"),
    ("ppca", "number"),
    ("naive_bayes", "vectors"),
    *(("rnn", space) for space in ("bytes", "symbols", "words", "rolls", "plane")),
    *(("transformer", space) for space in ("integers", "words", "rolls")),
}
PAIRS = [
    pytest.param(model, space, id=f"{model}-{space}", marks=() if (model, space) in QUICK else pytest.mark.slow)
    for model in MODELS
    for space in SPACES
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrays")
    for name, (_, arrays) in SPACES.items():
        np.savez(folder / f"{name}.npz", **arrays)
    return folder


@pytest.mark.parametrize(("model", "space"), PAIRS)
def test_a_space_is_modelled_or_refused(model, space, files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = ["data=arrays", f"data.root={files / space}.npz", f"data.kind={SPACES[space][0]}", "data.batch_size=16"]
    limits = [f"trainer.max_steps={STEPS}", "trainer.check_val_every_n_epoch=100", "test.num_particles=2"]
    code = main(["train", f"model={model}", *MODELS[model], *data, *limits, "logger=csv", "trainer=cpu"])
    said = capsys.readouterr()
    if space not in FITS[model]:
        assert code == 2
        (line,) = (line for line in said.err.splitlines() if "warning" not in line)
        assert "it fits data=" in line
        if space in TOLD_BY_KIND or model == "naive_bayes":
            assert not Path("outputs").exists()  # refused when the config was composed
        assert not list(Path().rglob("*.ckpt"))
        return
    assert code == 0, said.err
    assert main(["sample", "ckpt=last", "n=4", "accelerator=cpu"]) == 0
    (folder,) = Path("outputs/sample").glob("*/*")
    samples = np.load(folder / "sample.npz")["samples"]
    assert len(samples) == 4
    assert samples[0].size == SPACES[space][1]["x"][0].size
    assert np.isfinite(samples.astype(float)).all()
    for picture in [folder / "sample.png", *Path("outputs/train").rglob("final-*.png")]:
        colours = np.asarray(Pillow.open(picture).convert("RGB")).reshape(-1, 3)
        assert len(np.unique(colours, axis=0)) > 1, f"{picture} is blank"
    assert list(Path("outputs/train").rglob("final-*.png"))
