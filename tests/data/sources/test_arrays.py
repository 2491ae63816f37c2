"""A user's own arrays: every kind of space, its splits, and the sentences for what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.data import arrays, mapped
from genlab.data.spaces import Frames, Image, Tokens, Vector, Video, Waveform
from genlab.errors import ConfigError, DataError

R = np.random.RandomState(0)
N = 40


def integers(*shape, top=256, dtype=np.int64):
    x = R.randint(top, size=(N, *shape))
    x.flat[0] = top - 1
    return x.astype(dtype)


@pytest.fixture
def made(tmp_path):
    """``made(x=..., y=...)``: a file of these arrays; of ``x`` alone a ``.npy`` file."""

    def write(**found):
        path = tmp_path / ("x.npy" if set(found) == {"x"} else "x.npz")
        np.save(path, found["x"]) if set(found) == {"x"} else np.savez(path, **found)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("kind", "x", "space", "dtype"),
    [
        ("image", integers(8, 6, dtype=np.uint8, top=200), Image(1, 8, 6, 256), torch.uint8),
        ("image", integers(3, 8, 6, top=2, dtype=bool), Image(3, 8, 6, 2), torch.uint8),
        ("image", integers(1, 8, 6, top=1000), Image(1, 8, 6, 1000), torch.int16),
        ("vector", R.randn(N), Vector(1), torch.float32),
        ("vector", R.randn(N, 10), Vector(10), torch.float32),
        ("vector", integers(10, top=300, dtype=np.uint16), Vector(10, 300), torch.int16),
        ("tokens", integers(12, top=299), Tokens(12, 299), torch.int16),
        ("tokens", integers(12, top=50_000, dtype=np.uint32), Tokens(12, 50_000), torch.int32),
        ("waveform", R.randn(N, 64), Waveform(64), torch.float32),
        ("waveform", integers(2, 64, dtype=np.uint8), Waveform(64, 2, 256), torch.uint8),
        ("frames", integers(16, 88, top=2), Frames(16, 88, 2, ragged=False), torch.uint8),
        ("video", integers(4, 8, 6, dtype=np.uint8), Video(4, 1, 8, 6, 256), torch.uint8),
        ("video", R.rand(N, 4, 3, 8, 6), Video(4, 3, 8, 6, None), torch.float32),
    ],
)
def test_every_space_can_be_given(made, kind, x, space, dtype):
    data = arrays(root=made(x=x), kind=kind)
    assert data.spec.space == space
    assert [len(split) for split in (data.train, data.val, data.test)] == [36, 2, 2]
    assert data.train.x.dtype == dtype
    kept = torch.cat([data.train.x, data.val.x, data.test.x]).double().flatten(1).sum(1).sort().values
    every = torch.from_numpy(x.astype(np.float64)).flatten(1) if x.ndim > 1 else torch.from_numpy(x)[:, None]
    assert torch.allclose(kept, every.sum(1).sort().values, atol=1e-3)  # each example once


def test_what_belongs_to_an_example_stays_with_it(made):
    x = np.arange(N)[:, None] + np.zeros((N, 5))
    root = made(x=x, y=np.arange(N) % 3, c=np.arange(N) * 2.0, lengths=np.full(N, 2))
    with pytest.raises(DataError, match=r"lengths are of data.kind=tokens or frames, this is vector"):
        arrays(root=root, kind="vector")
    data = arrays(root=made(x=x, y=np.arange(N) % 3, c=np.arange(N) * 2.0), kind="vector")
    assert (data.spec.num_classes, data.spec.condition) == (3, Vector(1))
    assert torch.equal(data.train.y, data.train.x[:, 0].long() % 3)
    assert torch.equal(data.val.c, 2 * data.val.x[:, :1])
    again, other = (arrays(root=made(x=x), kind="vector", seed=seed) for seed in (0, 1))
    assert torch.equal(again.val.x, data.val.x)
    assert not torch.equal(other.val.x, data.val.x)


def test_padding_is_zero(made):
    data = arrays(root=made(x=integers(6, top=9) + 1, lengths=np.arange(N) % 6 + 1), kind="tokens")
    assert data.spec.space == Tokens(6, 10, ragged=True)
    for split in (data.train, data.val, data.test):
        assert torch.equal((split.x > 0).sum(1), split.lengths)


def test_a_file_can_say_what_is_which_split(made):
    x = R.randn(N, 2)
    data = arrays(root=made(x_train=x, x_val=x[:5], x_test=x[5:12]), kind="vector")
    assert [len(split) for split in (data.train, data.val, data.test)] == [N, 5, 7]
    data = arrays(root=made(x_train=x, x_test=x[5:12]), kind="vector")
    assert [len(split) for split in (data.train, data.val, data.test)] == [36, 4, 7]
    data = arrays(root=made(x_train=x, x_val=x[:3]), kind="vector")
    assert [len(split) for split in (data.train, data.val, data.test)] == [N, 3, 3]


@pytest.mark.parametrize(
    ("found", "options", "said"),
    [
        ({"x": R.randn(N, 8, 8, 3)}, {"kind": "image"}, "has its channels last"),
        ({"x": R.randn(N)}, {"kind": "image"}, r"data.kind=image needs \(N, C, H, W\) or \(N, H, W\)"),
        ({"x": R.randn(N, 5)}, {"kind": "tokens"}, "give integers"),
        ({"x": integers(5) - 1}, {"kind": "vector"}, "value -1"),
        ({"x": integers(5)}, {"kind": "vector", "levels": 200}, "value 255, data.levels=200 ends at 199"),
        ({"x": R.randn(N, 5)}, {"kind": "vector", "levels": 200}, "not of integers"),
        ({"x": R.randn(N, 5), "z": R.randn(N)}, {"kind": "vector"}, "holds z; give x, y"),
        ({"x": R.randn(N, 5), "y": np.zeros(3, int)}, {"kind": "vector"}, "40 examples in x, but 3 in y"),
        ({"x": R.randn(N, 5), "y": R.randn(N)}, {"kind": "vector"}, "y is float64"),
        ({"x": R.randn(N, 5), "y": np.full(N, -1)}, {"kind": "vector"}, "label -1"),
        ({"x": np.full((N, 5), np.nan)}, {"kind": "vector"}, "row 0, column 0 is nan"),
        ({"x": integers(5), "lengths": np.full(N, 6)}, {"kind": "tokens"}, "give 1 to 5"),
        ({"x": R.randn(2, 5)}, {"kind": "vector"}, "there must be 3 at least"),
        ({"x": R.randn(N, 5), "c": np.full(N, np.inf)}, {"kind": "vector"}, "not finite"),
    ],
)
def test_what_does_not_fit_is_said(made, found, options, said):
    with pytest.raises(DataError, match=said):
        arrays(root=made(**found), **options)


def test_a_file_of_something_else_is_refused(tmp_path, made):
    (tmp_path / "x.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"no .npy or .npz file of numbers"):
        arrays(root=str(tmp_path / "x.npz"))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        arrays(root=str(tmp_path / "objects.npy"))
    with pytest.raises(DataError, match=r"give a .npy or .npz file"):
        arrays(root=str(tmp_path))
    for wrong in ({"kind": "graph"}, {"levels": 1}, {"rate": 8000}):
        with pytest.raises(ConfigError, match=f"data.{next(iter(wrong))}="):
            arrays(root=made(x=integers(8, 8)), **wrong)


@pytest.mark.parametrize("kind", ["image", "vector"])
def test_a_large_file_stays_on_the_disk(made, kind, monkeypatch):
    x = integers(3, 8, 6, dtype=np.uint8) if kind == "image" else R.randn(N, 10).astype(np.float32)
    root = made(x=x)
    kept = arrays(root=root, kind=kind)
    monkeypatch.setattr("genlab.data.sources.arrays.MAP_FROM", 1)
    monkeypatch.setattr("genlab.data.cache.PART", 1000)
    monkeypatch.setattr("genlab.data.cache.MAP_FROM", 1)
    monkeypatch.setattr("genlab.data.cache.Rows.whole", None)
    for _ in range(2):
        data = arrays(root=root, kind=kind)
        assert data.spec == kept.spec
        for part in ("train", "val", "test"):
            split = getattr(data, part)
            assert torch.equal(split.x, getattr(kept, part).x)
            at = split.x.data_ptr()
            assert any(begin <= at < begin + len(pages) for begin, pages in mapped._maps.items())
    other = arrays(root=root, kind=kind, seed=1)
    assert not torch.equal(other.train.x, kept.train.x)
    np.save(root, x[::-1])  # another file of the same name
    assert not torch.equal(arrays(root=root, kind=kind).train.x, kept.train.x)
