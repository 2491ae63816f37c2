"""Moving digits and radar: the same at every call, split without a seam, and with the numbers that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.data import moving_digits, radar
from genlab.data.sources.radar import squares, turned
from genlab.data.spaces import Video
from genlab.data.video.rain import levels_of, rate_of
from genlab.errors import ConfigError, DataError


def test_moving_digits_are_the_same_for_a_seed_and_other_ones_for_another() -> None:
    one, same, other = (moving_digits(count=30, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.train.x, same.train.x)
    assert torch.equal(one.test.c, same.test.c)
    assert not torch.equal(one.train.x, other.train.x)
    assert [len(each) for each in (one.train, one.val, one.test)] == [30, 3, 3]


def test_clips_of_the_splits_differ_and_go_on_from_the_past() -> None:
    data = moving_digits(count=40, past=3, frames=4, size=20, digits=1)
    assert data.spec.space == Video(4, 1, 20, 20, 17)
    assert data.spec.condition == Video(3, 1, 20, 20, 17)
    whole = torch.cat([data.train.c, data.train.x], 1).double()[:, :, 0]
    assert len(whole.unique(dim=0)) == 40
    # one digit moves and does not change: its ink is the same in every frame
    assert (whole.flatten(2).sum(2).std(1) == 0).all()
    rows = torch.arange(20)[None, None, :, None]
    centre = (whole * rows).sum((2, 3)) / whole.sum((2, 3))
    assert centre.diff(dim=1).abs().max() <= 0.12 * 20 + 1
    assert centre[:, 3].sub(centre[:, 2]).abs().mean() > 0.3, "the first frame to come is another one"


def test_mnist_clips_are_those_of_the_literature_in_size(need) -> None:
    data = moving_digits(source="mnist", size=64, past=10, frames=10, count=10, root=need("MNIST"))
    assert data.train.x.shape == (10, 10, 1, 64, 64)
    assert data.spec.levels == 256


def test_a_square_smaller_than_a_digit_is_refused(need) -> None:
    with pytest.raises(ConfigError, match=r"data.size=24: digits of data.source=mnist have 28 pixels a side"):
        moving_digits(source="mnist", root=need("MNIST"))


def test_a_root_of_what_is_built_in_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data.root=here: data.source=digits is built in"):
        moving_digits(root="here")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """92 frames of 40 x 40: frame t has the value t everywhere but in a corner that is not seen."""
    known = np.zeros((92, 40, 40), np.uint8) + np.arange(92, dtype=np.uint8)[:, None, None]
    known[:, :10, :10] = 255
    np.savez(tmp_path / "knmi_20100826_0000-0735.npz", precip=known)
    return tmp_path


def test_radar_splits_in_time_without_a_window_across(made: Path) -> None:
    data = radar(root=made, size=10, past=4, frames=6)
    assert data.spec.space == Video(6, 1, 10, 10, 256, measure="rain", minutes=5.0)
    times = levels_of(0.12 * torch.arange(92))
    for split, first, end in ((data.train, 0, 56), (data.val, 56, 72), (data.test, 72, 92)):
        assert split.c[:, 0].min() == times[first]
        assert split.x[:, -1].max() == times[end - 1]
        both = torch.cat([split.c, split.x], 1)[:, :, 0, 0, 0]
        windows = times[first:end].unfold(0, 10, 1).to(torch.uint8)
        assert torch.equal(both[:: len(both) // len(windows)], windows)
    assert len(data.test.x) == 11 * 15, "squares of 10 in 40 but for the corner"
    assert len(data.train.x) == 47 * (7 * 7 - 4)


def test_radar_takes_means_of_rates_over_coarser_cells(tmp_path: Path) -> None:
    known = np.zeros((92, 16, 16), np.uint8)
    known[:, ::2] = 20
    np.savez(tmp_path / "x.npz", precip=known)
    data = radar(root=tmp_path / "x.npz", size=8, coarse=2)
    assert data.train.x.shape[-2:] == (8, 8)
    assert (rate_of(data.train.x) - 1.2).abs().max() < 0.02


def test_copies_are_the_symmetries_of_the_square_past_and_future_alike(made: Path) -> None:
    clip = torch.arange(9).view(1, 1, 3, 3)
    assert len(turned(clip, 8).unique(dim=0)) == 8
    assert turned(clip, 4)[1].flatten().tolist() == list(range(9))[::-1]
    plain, more = radar(root=made, size=10), radar(root=made, size=10, copies=4)
    assert len(more.train) == 4 * len(plain.train)
    assert torch.equal(more.train.c[: len(plain.train)], plain.train.c)
    assert len(more.test) == len(plain.test)


def test_squares_that_do_not_overlap_lie_where_most_fit() -> None:
    seen = torch.zeros(9, 9, dtype=torch.bool)
    seen[1:9, 1:9] = True
    assert squares(seen, 4, step=None) == [(1, 1), (1, 5), (5, 1), (5, 5)]
    assert (2, 2) in squares(seen, 4, step=2)
    assert squares(seen, 10, step=None) == []


def test_squares_so_large_that_few_fit_are_trained_on_too(made: Path) -> None:
    assert squares(torch.ones(40, 40, dtype=torch.bool), 29, step=14) == [(0, 0)], "whose corner the radar does not see"
    data = radar(root=made, size=29)
    assert (len(data.train), len(data.test)) == (47, 11)


def test_radar_says_what_is_missing(tmp_path: Path, made: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "other").touch()
    with pytest.raises(DataError, match=r"holds no knmi_radar_20100826: put .*pysteps-data"):
        radar(root=tmp_path / "empty")
    with pytest.raises(ConfigError, match=r"data.past=10 data.frames=10: a split has 16 frames in all"):
        radar(root=made, past=10, frames=10)
    with pytest.raises(ConfigError, match=r"data.size=36 data.coarse=1: no such square is seen whole"):
        radar(root=made, size=36)
    (tmp_path / "broken.npz").write_bytes(b"PK no")
    with pytest.raises(DataError, match="put the original file there"):
        radar(root=tmp_path / "broken.npz")


def test_the_real_radar_s_persistence_is_as_published_beside_it(need) -> None:
    """Of all 92 frames, through the levels of the pictures: 0.425 mm/h, CSI 0.334 and 0.114 at 30 minutes."""
    from genlab.data.sources.radar import OUTSIDE, STEP, _found, _read

    known = _read(_found(need("knmi_radar_20100826")))
    seen = known != OUTSIDE
    rate = rate_of(levels_of(STEP * known.where(seen, 0).float()))
    assert (rate - STEP * known.where(seen, 0)).abs().max() < 0.3
    old, new, both = rate[:-6], rate[6:], seen[:-6] & seen[6:]
    assert (old - new).abs()[both].double().mean().item() == pytest.approx(0.425, abs=2e-3)
    for threshold, csi in ((0.5, 0.334), (2.0, 0.114)):
        a, b = old >= threshold, new >= threshold
        assert ((a & b & both).sum() / ((a | b) & both).sum()).item() == pytest.approx(csi, abs=1e-3)


def test_the_real_radar_has_its_known_sizes(need) -> None:
    data = radar(root=need("knmi_radar_20100826"))
    assert [len(each) for each in (data.train, data.val, data.test)] == [611, 35, 55]
    assert data.test.x.shape[1:] == (6, 1, 128, 128)
