"""Which pixels are kept: halves, or a mask's white pixels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.data.spaces import DataSpec, Tokens
from genlab.errors import ConfigError
from genlab.tasks.keep import keep_mask, kept_steps

SPEC = DataSpec((3, 5, 4), 256)


def test_halves_are_the_upper_and_the_left_one() -> None:
    top, left = keep_mask("top", SPEC), keep_mask("left", SPEC)
    assert top.shape == left.shape == (5, 4)
    assert top.dtype == torch.bool
    assert top[:3].all()
    assert not top[3:].any()
    assert left[:, :2].all()
    assert not left[:, 2:].any()


def test_a_share_is_of_upper_rows() -> None:
    for keep, rows in (("half", 3), ("0.5", 3), ("0.2", 1), ("0.8", 4)):
        mask = keep_mask(keep, SPEC)
        assert mask[:rows].all()
        assert not mask[rows:].any()


def test_a_share_of_a_sequence_is_of_each_examples_steps() -> None:
    spec = DataSpec(space=Tokens(9, 3, ragged=True))
    lengths = torch.tensor([9, 8, 2, 1])
    assert kept_steps("half", spec, lengths).tolist() == [4, 4, 1, 0]
    assert kept_steps("0.9", spec, lengths).tolist() == [8, 7, 1, 0]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
def test_the_white_pixels_of_a_png_are_kept(tmp_path: Path, mode: str) -> None:
    white = np.random.default_rng(0).random((5, 4)) > 0.5
    Image.fromarray(np.where(white, 255, 0).astype(np.uint8)).convert(mode).save(tmp_path / "mask.png")
    assert np.array_equal(keep_mask(str(tmp_path / "mask.png"), SPEC).numpy(), white)


def test_what_is_transparent_is_not_kept(tmp_path: Path) -> None:
    pixels = np.full((5, 4, 4), 255, np.uint8)
    pixels[2:, :, 3] = 0
    Image.fromarray(pixels, "RGBA").save(tmp_path / "mask.png")
    assert keep_mask(str(tmp_path / "mask.png"), SPEC).all(1).tolist() == [True, True, False, False, False]


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 255).save(tmp_path / "turned.png")
    Image.new("L", (4, 5), 255).save(tmp_path / "white.png")
    Image.new("L", (4, 5), 0).save(tmp_path / "black.png")
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (4, 5), 255).save(tmp_path / "photo.jpg")
    Image.fromarray(np.full((5, 4), 300, np.uint16)).save(tmp_path / "deep.png")
    huge = bytearray((tmp_path / "white.png").read_bytes())
    huge[16:24] = struct.pack(">II", 60_000, 60_000)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    (tmp_path / "bomb.png").write_bytes(huge)
    for name, message in {
        "turned.png": "is 5x4 pixels, the data is 4x5",
        "white.png": "keeps all pixels",
        "black.png": "keeps no pixel",
        "text.png": "cannot be read as a PNG",
        "deep.png": "save it as 8-bit grey or RGB",
        "bomb.png": r"cannot be read as a PNG \(DecompressionBombError\)",
        "photo.jpg": "cannot be read as a PNG",
        "absent.png": "neither top nor left nor a share nor a PNG file",
    }.items():
        with pytest.raises(ConfigError, match=message):
            keep_mask(str(tmp_path / name), SPEC)
    for share in ("1.5", "0", "inf"):
        with pytest.raises(ConfigError, match="give a share between 0 and 1"):
            keep_mask(share, SPEC)
    with pytest.raises(ConfigError, match="of the kind vector"):
        keep_mask("top", DataSpec((2,), None))
