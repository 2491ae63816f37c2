"""Pictures that are easily misread: more than 8 bits, several pages, masks, unusual suffixes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.config.schema import TARGETS
from genlab.data import DataSpec, image_folder, paired
from genlab.data.images.convert import BadPictureError
from genlab.data.images.jitter import jitter_of
from genlab.data.images.read import Crop, read_picture
from genlab.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def _cache(own_cache):
    """No test sees the cache of another."""


@pytest.fixture
def scans(tmp_path):
    """Twelve scans of 12 bits in files of 16: a ramp from 100 to 4000."""
    (tmp_path / "scans").mkdir()
    for i in range(12):
        values = np.linspace(100, 4000, 64).astype(np.uint16).reshape(8, 8)
        Image.fromarray(np.rot90(values, i)).save(tmp_path / "scans" / f"{i}.{'png' if i % 2 else 'tif'}")
    return tmp_path / "scans"


def test_twelve_bits_in_sixteen_are_told_and_spread(scans):
    d = image_folder(root=scans, size=8, channels=1)
    assert d.train.x.max() == 16  # black
    (note,) = (note for note in d.notes if "more than 8 bits" in note)
    assert "12 pictures of more than 8 bits: 100 to 4000 of 0 to 65535" in note
    assert "data.range=[100,4000]" in note
    d = image_folder(root=scans, size=8, channels=1, range=[0, 4095])
    assert d.train.x.min() == round(100 / 4095 * 255)
    assert d.train.x.max() == round(4000 / 4095 * 255)
    d = image_folder(root=scans, size=8, channels=1, range="auto")
    assert (d.train.x.min(), d.train.x.max()) == (0, 255)
    assert d.spec.value_range == (100, 4000)
    assert any("data.range=auto: black is 100, white is 4000" in note for note in d.notes)
    again = DataSpec.from_dict(json.loads(json.dumps(d.spec.to_dict())))
    assert again.value_range == (100, 4000)
    clamped = image_folder(root=scans, size=8, channels=1, range=[1000, 2000])
    assert any("what lies outside is clamped" in note for note in clamped.notes)


def test_the_range_is_that_of_the_training_pictures(scans):
    (scans / "train").mkdir()
    (scans / "test").mkdir()
    for i, path in enumerate(sorted(scans.glob("*.*"))):
        path.rename(scans / ("test" if i < 2 else "train") / path.name)
    Image.fromarray(np.full((8, 8), 60000, np.uint16)).save(scans / "test" / "bright.png")
    assert image_folder(root=scans, size=8, channels=1, range="auto").spec.value_range == (100, 4000)


def test_floating_point_pictures_need_a_range(tmp_path):
    values = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    for i in range(6):
        Image.fromarray(values).save(tmp_path / f"{i}.tif")
    with pytest.raises(DataError, match=r"floating-point pixels: data.range=\[0,1\] or auto"):
        image_folder(root=tmp_path, size=8, channels=1)
    d = image_folder(root=tmp_path, size=8, channels=1, range="auto")
    assert d.spec.value_range == (-1, 1)
    assert np.abs(d.train.x[0, 0].numpy() - (values + 1) * 127.5).max() <= 0.5
    values[3, 3] = np.nan
    Image.fromarray(values).save(tmp_path / "5.tif")
    with pytest.raises(DataError, match=r"5.tif \(values that are no finite numbers\)"):
        image_folder(root=tmp_path, size=8, channels=1, range="auto")


def test_ranges_that_are_none_are_refused(scans):
    for value in ([1], [5, 5], [9, 2], [0, float("inf")], "minmax"):
        with pytest.raises(ConfigError, match=r"data.range="):
            image_folder(root=scans, range=value)
    for i in range(12):
        for path in scans.glob(f"{i}.*"):
            Image.new("L", (8, 8), i).save(path)
    assert any("no picture has more than 8 bits" in note for note in image_folder(root=scans, range="auto").notes)
    for path in scans.iterdir():
        if path.is_file():
            Image.fromarray(np.full((8, 8), 7, np.uint16)).save(path)
    with pytest.raises(DataError, match="every value of its pictures is 7"):
        image_folder(root=scans, range="auto")


def test_settings_in_a_config(scans):
    node = {"_target_": "x", "root": "r", "size": 8, "channels": 1, "skip_bad": False, "batch_size": 4}
    for name, schema in TARGETS.items():
        if name.endswith("image_folder"):
            schema.model_validate(node)  # a checkpoint of before
            for good in ([0, 4095], [0.5, 1], "auto", None):
                schema.model_validate({**node, "range": good})
            for bad in ([4095, 0], [0], "minmax", [0, True], 3):
                with pytest.raises(ValueError, match="black and white"):
                    schema.model_validate({**node, "range": bad})


def test_pages_that_are_not_read_are_counted(tmp_path):
    pages = [Image.new("L", (8, 8), level) for level in (10, 20, 30)]
    for i in range(4):
        pages[0].save(tmp_path / f"{i}.png")
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "film.gif", save_all=True, append_images=pages[1:2])
    for _ in range(2):  # also from the cache
        d = image_folder(root=tmp_path, size=8, channels=1)
        (note,) = (note for note in d.notes if " pages (" in note)
        assert "2 files hold 5 pages (film.gif 2, stack.tif 3): only the first of each is read" in note
    assert torch.cat([s.x for s in (d.train, d.val, d.test)]).unique().tolist() == [10]


@pytest.mark.parametrize("suffix", [".jfif", ".JPG", ".jpe", ".jif", ".pbm", ".pnm", ".dib", ".apng"])
def test_usual_suffixes_are_read(tmp_path, suffix):
    form = {".pbm": "PPM", ".pnm": "PPM", ".dib": "BMP", ".apng": "PNG"}.get(suffix, "JPEG")
    for i in range(3):
        Image.new("1" if suffix == ".pbm" else "L", (8, 8), 255).save(tmp_path / f"{i}{suffix}", format=form)
    d = image_folder(root=tmp_path, size=8, channels=1)
    assert sum(len(s) for s in (d.train, d.val, d.test)) == 3
    assert (d.train.x == 255).all()


def _mask(seed, side=50):
    return np.where(np.random.RandomState(seed).rand(side, side) < 0.5, 0, 255).astype(np.uint8)


def test_masks_keep_their_two_values(tmp_path):
    for i in range(4):
        Image.fromarray(_mask(i)).save(tmp_path / f"{i}.png")
    assert len(image_folder(root=tmp_path, size=32, channels=1).train.x.unique()) > 50
    assert image_folder(root=tmp_path, size=32, channels=1, resample="nearest").train.x.unique().tolist() == [0, 255]
    with pytest.raises(ConfigError, match=r"data.resample=linear: give nearest, box, bilinear, bicubic or lanczos"):
        image_folder(root=tmp_path, resample="linear")


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_targets_of_pairs_keep_their_values_also_in_the_jitter(tmp_path, direction):
    (tmp_path / "train").mkdir()
    for i in range(6):
        photo = np.random.RandomState(i).randint(0, 256, (50, 50), dtype=np.uint8)
        both = [photo, _mask(i)] if direction == "AtoB" else [_mask(i), photo]
        Image.fromarray(np.concatenate(both, 1)).save(tmp_path / "train" / f"{i}.png")
    d = paired(root=tmp_path, size=32, channels=1, direction=direction, resample_target="nearest")
    assert d.train.x_b.unique().tolist() == [0, 255]
    assert len(d.train.x.unique()) > 50
    generator = torch.Generator()
    cut, cut_b = (
        transform(x, generator.manual_seed(1))
        for transform, x in ((d.train_transform, d.train.x), (d.train_transform_b, d.train.x_b))
    )
    assert cut_b.unique().tolist() == [0, 255]
    assert len(cut.unique()) > 50
    # both are cut at the same places: a picture that is its own target stays so
    smooth = torch.arange(32, dtype=torch.uint8).mul(8).expand(6, 1, 32, 32)
    near, cubic = (jitter_of(name)(smooth, generator.manual_seed(1)).int() for name in ("nearest", "bilinear"))
    assert (near - cubic).abs().max() <= 9


def test_sixteen_bit_colour_cannot_keep_a_range(tmp_path, png16):
    png16(tmp_path / "a.png")
    _, facts = read_picture(tmp_path / "a.png", Crop(8))
    assert (facts.kind, facts.low, facts.high) == ("16-bit", 0, 65535)
    with pytest.raises(BadPictureError, match="high bytes"):
        read_picture(tmp_path / "a.png", Crop(8, value_range=(0, 4095)))
