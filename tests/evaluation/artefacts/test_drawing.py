"""Every space can be drawn: sheets, comparisons, clouds, and what is heard, played or read."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from genlab.data.dataset import DataSpec
from genlab.data.spaces import Frames, Image, Table, Tokens, Vector, Video, Waveform
from genlab.evaluation.artefacts.chains import animation, strip
from genlab.evaluation.artefacts.clouds import cloud, is_cloud
from genlab.evaluation.artefacts.grids import grid, stacked
from genlab.evaluation.artefacts.media import media
from genlab.evaluation.artefacts.thumbnails import thumbnails, window

SPACES = [
    Image(1, 8, 8, 256),
    Image(3, 8, 6, 2),
    Image(1, 8, 8, None),
    Image(2, 8, 8, 1000),
    Vector(1),
    Vector(2),
    Vector(2, 50),
    Vector(10),
    Vector(10, 400),
    Table(("a", "b", "c"), (None, 2, 3)),
    Tokens(12, 299),
    Tokens(100, 50_000, ragged=True),
    Waveform(64, rate=8000),
    Waveform(5000, 2, 256),
    Frames(16, 12, 2),
    Frames(4, 88, None),
    Video(4, 1, 8, 8, 256),
    Video(3, 3, 6, 8, 2),
]


def examples(space, n=12):
    g = torch.Generator().manual_seed(0)
    if space.levels is None:
        return torch.randn(n, *space.shape, generator=g)
    return torch.randint(space.levels, (n, *space.shape), generator=g).to(space.dtype)


def is_blank(picture):
    return len(np.unique(picture.reshape(-1, 3), axis=0)) < 2


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_every_space_is_drawn(space):
    spec, x = DataSpec(space=space), examples(space)
    sheet = grid(x, spec)
    both = stacked([x, x.float()], spec, columns=4)
    assert sheet.dtype == both.dtype == np.uint8
    assert not is_blank(sheet)
    assert not is_blank(both)
    looks = thumbnails(space, x, window(space, [x]))
    assert len(looks) == len(x)
    assert (looks[0] != looks[1]).any()  # examples that differ look different
    broken = x.float().clone()
    broken[0] = torch.nan
    assert stacked([broken], spec).shape == stacked([x], spec).shape
    path = torch.stack([x, x * 0, x])
    assert not is_blank(strip(path, spec))
    assert Pillow.open(io.BytesIO(animation(path, spec))).n_frames == 3
    if is_cloud(space):
        assert not is_blank(cloud(spec, x, data=x.flip(0)))


def test_the_original_of_a_comparison_stands_above_on_the_same_scale():
    spec = DataSpec(space=Waveform(32))
    quiet, loud = torch.zeros(1, 1, 32), torch.zeros(1, 1, 32)
    quiet[..., ::2], loud[..., ::2] = 0.5, 2.0
    shown = window(spec.space, [quiet, loud])
    heights = [(thumbnails(spec.space, x, shown)[0] < 128).any(1).sum() for x in (quiet, loud)]
    assert heights[0] < heights[1] / 3


def test_a_curve_passes_through_its_samples():
    space = Waveform(129, levels=46)
    x = torch.randint(46, (3, 1, 129), generator=torch.Generator().manual_seed(0))
    for picture, wave_ in zip(thumbnails(space, x, window(space, [x])), x[:, 0], strict=True):
        inked = picture[..., 0] < 128
        assert inked.any(0).all()
        for column in range(1, 128):
            assert inked[46 - wave_[column], column - 1 : column + 1].any()


def test_frames_run_to_the_right_and_low_notes_lie_low():
    x = torch.zeros(1, 4, 3)
    x[0, 0, 0] = 1  # the first frame, the lowest note
    space = Frames(4, 3, 2)
    inked = thumbnails(space, x, window(space, [x]))[0, ..., 0] < 128
    rows, columns = inked.nonzero()
    assert rows.min() > inked.shape[0] // 2
    assert columns.max() < inked.shape[1] // 2


def test_samples_that_are_heard_played_or_read():
    x = torch.tensor([[[0.0, 1.0, -2.0]], [[0.5, 0.0, 0.0]]])
    assert media(Waveform(3), x) == {}
    with wave.open(io.BytesIO(media(Waveform(3, rate=8000), x)["wav"]()), "rb") as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getnframes()) == (8000, 1, 2 * (3 + 2000))
        assert np.frombuffer(sound.readframes(3), "<i2").tolist() == [0, 32767, -32768]
    levels = torch.tensor([[[0, 255, 128]]])
    with wave.open(io.BytesIO(media(Waveform(3, levels=256, rate=8000), levels)["wav"]()), "rb") as sound:
        assert np.frombuffer(sound.readframes(3), "<i2").tolist() == [-32640, 32640, 128]
    assert media(Tokens(3, 9), torch.tensor([[1, 2, 3], [8, 0, 0]]))["txt"]() == b"1 2 3\n8 0 0\n"
    video = Video(4, 3, 8, 8, 256)
    assert Pillow.open(io.BytesIO(media(video, examples(video))["gif"]())).n_frames == 4
    assert media(Vector(2), torch.zeros(3, 2)) == {}


def test_the_density_of_numbers_is_drawn_beside_their_histogram():
    spec = DataSpec(space=Vector(1))
    x = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    without = cloud(spec, x, data=x)
    normal = torch.distributions.Normal(0, 1)
    seen = cloud(spec, x, data=x, log_prob=lambda at: normal.log_prob(at)[:, 0])
    assert (without != seen).any()
    asked = []
    cloud(
        DataSpec(space=Vector(1, 9)), x.abs().round(), data=None, log_prob=lambda at: asked.append(at) or at[:, 0] * 0.0
    )
    assert asked[0].dtype == torch.uint8  # a mass is of levels


def test_media_end_where_the_examples_do():
    x, lengths = torch.full((2, 1, 6), 0.5), torch.tensor([2, 5])
    with wave.open(io.BytesIO(media(Waveform(6, rate=8000, ragged=True), x, lengths)["wav"]()), "rb") as sound:
        assert sound.getnframes() == 2 + 5 + 2 * 2000
    numbers = Tokens(3, 9, ragged=True, end=0)
    assert media(numbers, torch.tensor([[1, 2, 3], [8, 0, 5]]))["txt"]() == b"1 2 3\n8 0\n"
    assert media(numbers, torch.tensor([[1, 2, 3]]), torch.tensor([1]))["txt"]() == b"1\n"
    letters = Tokens(3, 3, True, coding="characters", symbols=("\n", "é", "b"), end=0)
    assert media(letters, torch.tensor([[1, 2, 2], [2, 0, 1]]))["txt"]().decode() == "ébb\nb\n"
    roll = torch.ones(2, 4, 88, dtype=torch.uint8)
    piano = Frames(4, 88, 2, first_key=21)
    assert media(piano, roll)["mid"]() != media(piano, roll, torch.tensor([4, 2]))["mid"]()
    assert media(Frames(4, 88, 2), roll) == {}


def test_companded_levels_are_as_high_as_they_are_loud():
    space = Waveform(64, 1, 256, companding="mu-law")
    x = torch.full((1, 1, 64), 160, dtype=torch.uint8)  # F = 0.255, which is 0.012 of full scale
    inked = (thumbnails(space, x, window(space, [x]))[0, ..., 0] < 128).nonzero()[0]
    assert abs(inked.mean() - 23.5) < 1
    assert abs((thumbnails(Waveform(64, 1, 256), x, window(space, [x]))[0, ..., 0] < 128).nonzero()[0].mean() - 18) < 2
