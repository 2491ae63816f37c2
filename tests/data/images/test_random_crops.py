"""Laws of patches: they are parts of pictures as they are, of held-out pictures where they are held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.data import image_folder
from genlab.data.images.random_crops import places
from genlab.errors import DataError


@pytest.fixture(autouse=True)
def _cache(own_cache):
    """No test sees the cache of another."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures of different sizes, each of levels of its own: ``10 i`` and the nine after it."""
    root, random = tmp_path / "photos", np.random.default_rng(0)
    root.mkdir()
    for i in range(10):
        pixels = 10 * i + random.integers(0, 10, (12 + i, 20 - i), dtype=np.uint8)
        Image.fromarray(pixels.astype(np.uint8)).save(root / f"{i}.png")
    return root


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_patches_are_parts_of_pictures_as_they_are(folder: Path) -> None:
    data = image_folder(root=folder, size=5, channels=1, patches=30)
    assert data.spec.event_shape == (1, 5, 5)
    assert sum(len(split) for split in (data.train, data.val, data.test)) == 10 * 30
    for patch in data.train.x[:, 0].numpy():
        views = np.lib.stride_tricks.sliding_window_view(_pixels(folder / f"{patch[0, 0] // 10}.png"), (5, 5))
        assert (views == patch).all((2, 3)).any()


def test_held_out_patches_are_of_held_out_pictures(folder: Path) -> None:
    data = image_folder(root=folder, size=5, channels=1, patches=30)
    seen = [set((split.x // 10).unique().tolist()) for split in (data.train, data.val, data.test)]
    assert sum(map(len, seen)) == 10
    assert set.union(*seen) == set(range(10))
    assert any("30 patches of 5x5 pixels of each picture" in note for note in data.notes)


def test_the_patches_of_a_picture_depend_on_its_name_and_the_seed_alone(folder: Path) -> None:
    def of(i: int, **options: int) -> torch.Tensor:
        data = image_folder(root=folder, size=5, channels=1, patches=7, **options)
        x = torch.cat([data.train.x, data.val.x, data.test.x])
        return x[(x[:, 0, 0, 0] // 10) == i]

    first, again = of(3), of(3)
    assert torch.equal(first, again)
    assert not torch.equal(first, of(3, patch_seed=1))
    Image.fromarray(np.full((9, 9), 250, np.uint8)).save(folder / "another.png")
    assert torch.equal(first, of(3))


def test_each_place_is_as_likely_as_another_and_drawn_once() -> None:
    for n, count in ((1000, 60), (1000, 900), (100, 100)):
        found = places(n, count, seed=3)
        assert len(np.unique(found)) == count
        assert 0 <= found.min() <= found.max() < n
    often = np.bincount(np.concatenate([places(50, 5, seed=seed) for seed in range(4000)]), minlength=50)
    assert np.abs(often - 400).max() < 5 * 20
    assert np.bincount(places(3, 8, seed=0)).tolist().count(2) == 1  # 3, 3 and 2 times


def test_patches_have_the_class_of_their_picture(tmp_path: Path) -> None:
    for label, level in (("dark", 10), ("light", 200)):
        (tmp_path / "r" / label).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(np.full((9, 9, 3), level + i, np.uint8)).save(tmp_path / "r" / label / f"{i}.png")
    data = image_folder(root=tmp_path / "r", size=4, patches=5, stratify=True)
    for split in (data.train, data.val, data.test):
        assert split.y is not None
        assert torch.equal(split.y == 1, split.x[:, 0, 0, 0] >= 200)


def test_a_picture_smaller_than_a_patch_is_named_or_skipped(folder: Path) -> None:
    Image.fromarray(np.zeros((4, 9), np.uint8)).save(folder / "small.png")
    with pytest.raises(DataError, match=r"small.png \(9x4 pixels, smaller than patches of 5x5\)"):
        image_folder(root=folder, size=5, channels=1, patches=3)
    data = image_folder(root=folder, size=5, channels=1, patches=3, skip_bad=True)
    assert sum(len(split) for split in (data.train, data.val, data.test)) == 10 * 3
