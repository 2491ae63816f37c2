"""Folders of pictures: splits, labels, conversions, bad files, the cache; CelebA."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.data import celeba, image_folder, paired, unpaired
from genlab.data.fetch import unpack
from genlab.data.images import read as read_module
from genlab.data.images.read import Crop, read_picture
from genlab.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def _cache(own_cache):
    """No test sees the cache of another."""


@pytest.fixture
def folder(tmp_path, picture):
    root = tmp_path / "my photos"
    for i in range(40):
        picture(root / f"{i:03d}.png", 40 + i, 30, seed=i)
    return root


def test_flat_folder(folder):
    d = image_folder(root=folder, size=16)
    assert d.name == "my_photos"
    assert d.spec.event_shape == (3, 16, 16)
    assert d.spec.levels == 256
    assert d.spec.num_classes is None
    assert d.train.y is None
    assert sum(len(s) for s in (d.train, d.val, d.test)) == 40
    assert min(len(s) for s in (d.val, d.test)) >= 1
    assert d.train.x.dtype == torch.uint8
    assert len(torch.cat([s.x for s in (d.train, d.val, d.test)]).unique(dim=0)) == 40
    assert "cut from 40 pictures" in d.notes[0]
    again = image_folder(root=folder, size=16)
    assert torch.equal(again.test.x, d.test.x)


def test_decoded_once(folder, monkeypatch):
    first = image_folder(root=folder, size=16)
    assert len(list((folder / ".genlab-cache").iterdir())) == 2

    def never(*args):
        raise AssertionError("decoded again")

    monkeypatch.setattr(read_module, "read_picture", never)
    assert torch.equal(image_folder(root=folder, size=16).train.x, first.train.x)
    with pytest.raises(AssertionError):
        image_folder(root=folder, size=8)
    os.utime(folder / "000.png", ns=(5, 5))
    with pytest.raises(AssertionError):
        image_folder(root=folder, size=16)


def test_pixels_are_those_of_the_central_square(tmp_path):
    (tmp_path / "p").mkdir()
    values = np.zeros((10, 20, 3), np.uint8)
    values[:, 5:15] = np.random.RandomState(0).randint(0, 256, (10, 10, 3))
    for i in range(3):
        Image.fromarray(values).save(tmp_path / "p" / f"{i}.png")
    d = image_folder(root=tmp_path / "p", size=10)
    assert np.array_equal(d.train.x[0].permute(1, 2, 0).numpy(), values[:, 5:15])


def test_resizing_is_antialiased(tmp_path):
    path = tmp_path / "stripes.png"
    Image.fromarray(np.tile(np.array([0, 255], np.uint8), (64, 32))).save(path)
    x, _ = read_picture(path, Crop(8))
    assert np.abs(x.astype(int) - 128).max() <= 12


def test_turned_upright(tmp_path):
    image = Image.new("RGB", (20, 20), "black")
    image.paste("white", (0, 0, 20, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    x, _ = read_picture(tmp_path / "a.png", Crop(20))
    assert x[0, 10, 15] == 255
    assert x[0, 10, 4] == 0


def test_large_jpegs_keep_their_look(tmp_path, picture):
    path = picture(tmp_path / "a.jpg", 1600, 1200, seed=3, quality=95)
    x, _ = read_picture(path, Crop(32))
    with Image.open(path) as image:
        full = image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR, box=(200, 0, 1400, 1200))
    assert np.abs(x.transpose(1, 2, 0).astype(int) - np.asarray(full)).mean() < 1.5


def test_classes(tmp_path, picture):
    for label in ("cat", "dog", "eel"):
        for i in range(10):
            picture(tmp_path / "r" / label / f"{i}.png", seed=hash(label) % 1000 + i)
    d = image_folder(root=tmp_path / "r", size=8)
    assert d.spec.num_classes == 3
    assert torch.cat([s.y for s in (d.train, d.val, d.test)]).bincount().tolist() == [10, 10, 10]
    assert all(len(s.x) == len(s.y) for s in (d.train, d.val, d.test))


def test_labels_belong_to_their_pictures(tmp_path):
    for label, colour in (("blue", (0, 0, 255)), ("red", (255, 0, 0))):
        (tmp_path / "r" / label).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (9, 9), colour).save(tmp_path / "r" / label / f"{i}.png")
    (tmp_path / "r" / "blue" / "3.png").write_bytes(b"")
    (tmp_path / "r" / "red" / "5.png").write_bytes(b"")
    d = image_folder(root=tmp_path / "r", size=4, skip_bad=True)
    for s in (d.train, d.val, d.test):
        assert torch.equal((s.x[:, 0, 0, 0] == 255).long(), s.y)
    assert sum(len(s) for s in (d.train, d.val, d.test)) == 22


@pytest.mark.parametrize("parts", ["train", "train test", "train valid", "train val test"])
def test_given_splits(tmp_path, picture, parts):
    for k, part in enumerate(parts.split()):
        for i in range(20):
            picture(tmp_path / "r" / part / f"{i}.png", seed=100 * k + i)
    d = image_folder(root=tmp_path / "r", size=8)
    sizes = [len(s) for s in (d.train, d.val, d.test)]
    if parts == "train val test":
        assert sizes == [20, 20, 20]
        assert d.notes == ()
    elif parts == "train valid":
        assert sizes == [20, 20, 20]
        assert torch.equal(d.val.x, d.test.x)
        assert "val serves as test" in d.notes[0]
    elif parts == "train test":
        assert sizes[0] + sizes[1] == 20
        assert sizes[2] == 20
    else:
        assert sum(sizes) == 20


@pytest.fixture
def mixed(tmp_path, png16):
    root = tmp_path / "mixed"
    root.mkdir()
    size = (8, 8)
    for i in range(6):
        Image.new("RGB", size, (200, 100, 50)).save(root / f"rgb{i}.png")
    Image.new("L", size, 77).save(root / "grey.png")
    Image.new("1", size, 1).save(root / "bits.png")
    Image.new("LA", size, (77, 0)).save(root / "grey-alpha.png")
    Image.new("RGBA", size, (200, 0, 0, 0)).save(root / "clear.png")
    Image.new("RGBA", size, (0, 0, 0, 128)).save(root / "half.png")
    Image.new("RGB", size, (200, 100, 50)).convert("P").save(root / "palette.png")
    Image.new("RGB", size, (200, 100, 50)).quantize(4).save(root / "palette-clear.png", transparency=0)
    Image.new("CMYK", size, (0, 255, 255, 0)).save(root / "cmyk.jpg", quality=100)
    Image.fromarray(np.full(size, 32768, np.uint16)).save(root / "deep.png")
    png16(root / "deep-colour.png")
    return root


def test_conversions_are_right_and_told(mixed):
    d = image_folder(root=mixed, size=8)
    assert sum(len(s) for s in (d.train, d.val, d.test)) == 16
    (note,) = (note for note in d.notes if "converted" in note)
    for words in ("2 grey", "3 with alpha", "1 palette", "1 CMYK", "2 16-bit"):
        assert words in note or words.replace("3", "4") in note, (words, note)
    assert d.notes == image_folder(root=mixed, size=8).notes  # also when they come from the cache
    expected = {
        "rgb0.png": ((200, 100, 50), "as is"),
        "grey.png": ((77,) * 3, "grey"),
        "bits.png": ((255,) * 3, "grey"),
        "grey-alpha.png": ((255,) * 3, "alpha"),
        "clear.png": ((255,) * 3, "alpha"),
        "half.png": ((127,) * 3, "alpha"),
        "palette-clear.png": ((255,) * 3, "alpha"),
        "cmyk.jpg": ((255, 0, 0), "CMYK"),
        "deep.png": ((128,) * 3, "16-bit"),
        "deep-colour.png": ((255, 128, 0), "16-bit"),
    }
    for name, (colour, kind) in expected.items():
        x, found = read_picture(mixed / name, Crop(8))
        assert found.kind == kind, name
        assert np.abs(x[:, 4, 4].astype(int) - colour).max() <= 2, name


def test_one_channel(mixed):
    d = image_folder(root=mixed, size=8, channels=1)
    assert d.spec.event_shape == (1, 8, 8)
    assert "6 colour, converted to grey" in " ".join(d.notes)
    x, _ = read_picture(mixed / "rgb0.png", Crop(8, 1))
    assert abs(int(x[0, 0, 0]) - 124) <= 1


def _make_bad(root, picture):
    good = picture(root / "good.jpg", 200, 200).read_bytes()
    (root / "cut.jpg").write_bytes(good[: len(good) // 2])
    (root / "one-byte.png").write_bytes(b"\x89")
    (root / "zero.png").write_bytes(b"")
    (root / "page.png").write_bytes(b"<!DOCTYPE html><html></html>")
    cut = picture(root / "cut.png", 64, 64).read_bytes()
    (root / "cut.png").write_bytes(cut[:-40])
    (root / "dangling.png").symlink_to(root / "nothing.png")
    (root / "evil\x1b[31m.png").write_bytes(b"x")
    return {"cut.jpg", "one-byte.png", "zero.png", "page.png", "cut.png", "dangling.png", "evil"}


def test_bad_pictures_are_named(folder, picture):
    bad = _make_bad(folder, picture)
    with pytest.raises(DataError) as caught:
        image_folder(root=folder, size=16)
    message = str(caught.value)
    assert f"{len(bad)} of 48 pictures" in message
    assert "and 2 more" in message
    assert "skip_bad" in message
    assert sum(name in message for name in bad) == 5
    assert message.isprintable()
    assert not any((folder / ".genlab-cache").glob("*")) if (folder / ".genlab-cache").exists() else True


def test_bad_pictures_are_skipped_and_counted(folder, picture):
    bad = _make_bad(folder, picture)
    for _ in range(2):
        d = image_folder(root=folder, size=16, skip_bad=True)
        assert sum(len(s) for s in (d.train, d.val, d.test)) == 41
        (note,) = (note for note in d.notes if "skipped as bad" in note)
        assert f"{len(bad)} of 48 pictures skipped" in note
        assert note.isprintable()
    with pytest.raises(DataError, match="cannot be used"):  # the cache of the tolerant run must not hide them
        image_folder(root=folder, size=16)


def test_skipping_keeps_the_order(folder):
    whole = image_folder(root=folder, size=16)
    victim = folder / "007.png"
    x, _ = read_picture(victim, Crop(16))
    victim.write_bytes(b"")
    rest = image_folder(root=folder, size=16, skip_bad=True)
    for part in ("train", "val", "test"):
        expected = [t for t in getattr(whole, part).x if not np.array_equal(t.numpy(), x)]
        assert torch.equal(torch.stack(expected), getattr(rest, part).x)


def test_all_bad(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(b"no")
    with pytest.raises(DataError, match="no"):
        image_folder(root=tmp_path, skip_bad=True)


def test_decompression_bombs(tmp_path, picture):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for i in range(4):
        picture(tmp_path / "r" / f"{i}.png")
    for side in (9000, 60_000):
        head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000)))
        (tmp_path / "r" / "bomb.png").write_bytes(bomb + chunk(b"IEND", b""))
        with pytest.raises(DataError, match=r"bomb.png \(.*pixels"):
            image_folder(root=tmp_path / "r", size=8)


def test_tiny_folders(tmp_path, picture):
    for n in (1, 2):
        picture(tmp_path / "r" / f"{n}.png", seed=n)
        with pytest.raises(DataError, match="too few"):
            image_folder(root=tmp_path / "r", size=8)
    picture(tmp_path / "r" / "3.png", seed=3)
    d = image_folder(root=tmp_path / "r", size=8)
    assert [len(s) for s in (d.train, d.val, d.test)] == [1, 1, 1]


@pytest.mark.parametrize("function", [image_folder, unpaired, paired])
def test_missing_and_empty(tmp_path, function):
    with pytest.raises(DataError, match="nowhere does not exist"):
        function(root=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is empty"):
        function(root=tmp_path / "empty")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("")
    with pytest.raises(DataError, match="text"):
        function(root=tmp_path / "text")


@pytest.mark.parametrize(
    "options",
    [{"size": 0}, {"size": -3}, {"channels": 2}, {"size": 10**6}, {"val_fraction": 0.0}, {"val_fraction": 0.9}],
)
@pytest.mark.parametrize("function", [image_folder, unpaired, paired])
def test_arguments_out_of_range(folder, function, options):
    with pytest.raises(ConfigError, match=f"data.{next(iter(options))}="):
        function(root=folder, **options)


def test_hidden_files_and_other_files_are_left_out(folder, picture):
    picture(folder / "._000.png", seed=1)
    (folder / "notes.txt").write_text("x")
    picture(folder / "sub" / "more.png", seed=77)
    d = image_folder(root=folder, size=8)
    assert sum(len(s) for s in (d.train, d.val, d.test)) == 40
    assert any("subfolders" in note for note in d.notes)


def test_read_only_folder(folder, own_cache):
    before = sorted(os.listdir(folder))
    folder.chmod(0o555)
    try:
        image_folder(root=folder, size=8)
        assert sorted(os.listdir(folder)) == before
        assert len(os.listdir(own_cache)) == 2
    finally:
        folder.chmod(0o755)


@pytest.fixture
def domains(tmp_path, picture):
    for k, (part, n) in enumerate({"trainA": 20, "trainB": 12, "testA": 4, "testB": 5}.items()):
        for i in range(n):
            picture(tmp_path / "ab" / part / f"{i}.jpg", 30 + i, 60, seed=1000 * k + i)
    return tmp_path / "ab"


def test_unpaired(domains):
    d = unpaired(root=domains, size=16)
    assert d.spec.layout == "unpaired"
    assert d.spec.event_shape == (3, 16, 16)
    assert len(d.train.x) + len(d.val.x) == 20
    assert len(d.train.x_b) + len(d.val.x_b) == 12
    assert (len(d.test.x), len(d.test.x_b)) == (4, 5)
    assert len(d.notes) == 2
    with pytest.raises(DataError, match="data=unpaired"):
        image_folder(root=domains)


def test_a_root_may_be_relative(domains, pairs, monkeypatch):
    monkeypatch.chdir(domains.parent)
    assert len(unpaired(root=domains.name, size=16).test) == 4
    assert len(paired(root=pairs.name, size=10).val) == 3


def test_unpaired_faults(domains):
    shutil.rmtree(domains / "testB")
    with pytest.raises(DataError, match="testA and testB"):
        unpaired(root=domains, size=16)
    shutil.rmtree(domains / "testA")
    d = unpaired(root=domains, size=16)
    assert torch.equal(d.test.x, d.val.x)
    assert torch.equal(d.test.x_b, d.val.x_b)
    assert any("val serves as test" in note for note in d.notes)
    (domains / "trainB" / "3.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"trainB/3.jpg"):
        unpaired(root=domains, size=16)
    shutil.rmtree(domains / "trainB")
    with pytest.raises(DataError, match="trainB is missing"):
        unpaired(root=domains, size=16)


@pytest.fixture
def pairs(tmp_path):
    for part, n in (("train", 12), ("val", 3)):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for i in range(n):
            both = np.zeros((20, 40, 3), np.uint8)
            both[:, :20, 0] = 100 + i  # the left half says which, in red
            both[:, 20:, 2] = 100 + i  # the right half in blue
            Image.fromarray(both).save(tmp_path / "pairs" / part / f"{i:02d}.png")
    return tmp_path / "pairs"


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_paired(pairs, direction):
    d = paired(root=pairs, size=10, direction=direction)
    assert d.spec.layout == "paired"
    assert d.spec.event_shape == (3, 10, 10)
    assert [len(s) for s in (d.train, d.val, d.test)] == [12, 3, 3]
    a, b = (d.train.x, d.train.x_b) if direction == "AtoB" else (d.train.x_b, d.train.x)
    assert a.shape == b.shape == (12, 3, 10, 10)
    assert torch.equal(a[:, 0], b[:, 2])
    assert a[:, 0].min() == 100
    assert not a[:, 2].any()
    assert torch.equal(d.test.x_b, d.val.x_b)
    assert any("val serves as test" in note for note in d.notes)


def test_paired_faults(pairs):
    with pytest.raises(ConfigError, match="direction"):
        paired(root=pairs, direction="AB")
    shutil.rmtree(pairs / "val")
    d = paired(root=pairs, size=8)
    assert len(d.train) + len(d.val) == 12
    Image.new("RGB", (1, 5)).save(pairs / "train" / "thin.png")
    with pytest.raises(DataError, match=r"thin.png"):
        paired(root=pairs, size=8)
    shutil.rmtree(pairs / "train")
    (pairs / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="train is missing"):
        paired(root=pairs)


@pytest.fixture
def faces(tmp_path, picture):
    base = tmp_path / "root" / "celeba"
    names = [f"{i:06d}.jpg" for i in range(1, 31)]
    for i, name in enumerate(names):
        picture(base / "img_align_celeba" / name, 178, 218, seed=i)
    rows = [f"{name}  {1 if i % 3 == 0 else -1} -1" for i, name in enumerate(names)]
    (base / "list_attr_celeba.txt").write_text("\n".join(["30", "Male Young ", *rows]) + "\n")
    (base / "identity_CelebA.txt").write_text("".join(f"{name} {i // 3}\n" for i, name in enumerate(names)))
    (base / "list_eval_partition.txt").write_text("".join(f"{name} 0\n" for name in names))
    return base


def _tags(split):
    return {x.numpy().tobytes() for x in split.x}


def test_celeba_by_identity(faces):
    d = celeba(root=faces.parent, size=16, label="Male")
    assert d.spec.event_shape == (3, 16, 16)
    assert d.spec.num_classes == 2
    assert [len(s) for s in (d.train, d.val, d.test)] == [24, 3, 3]
    assert int(sum(s.y.sum() for s in (d.train, d.val, d.test))) == 10
    assert "by identity" in d.notes[0]
    assert "no val or no test" in d.notes[0]
    assert d.spec.classes == ("not_Male", "Male")
    assert "2 classes (train/val/test): not_Male " in d.notes[1]
    people = {}
    for i, path in enumerate(sorted((faces / "img_align_celeba").iterdir())):
        people[read_picture(path, Crop(16, crop=148))[0].tobytes()] = (i // 3, int(i % 3 == 0))
    groups = [{people[tag][0] for tag in _tags(s)} for s in (d.train, d.val, d.test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    for s in (d.train, d.val, d.test):
        assert [people[x.numpy().tobytes()][1] for x in s.x] == s.y.tolist()
    assert len(celeba(root=faces.parent, size=16, val_size=6).val) == 6


def test_celeba_official_and_by_index(faces):
    names = sorted(path.name for path in (faces / "img_align_celeba").iterdir())
    parts = [0] * 20 + [1] * 4 + [2] * 5
    (faces / "list_eval_partition.txt").write_text(
        "".join(f"{name} {part}\n" for name, part in zip(names[:29], parts, strict=True))
    )
    d = celeba(root=faces.parent, size=16)
    assert [len(s) for s in (d.train, d.val, d.test)] == [20, 4, 5]
    assert d.train.y is None
    assert "1 pictures are in no part" in d.notes[0]
    (faces / "list_eval_partition.txt").unlink()
    (faces / "identity_CelebA.txt").unlink()
    d = celeba(root=faces.parent, size=16)
    assert [len(s) for s in (d.train, d.val, d.test)] == [24, 3, 3]
    assert "by index" in d.notes[0]
    assert np.array_equal(
        d.test.x[-1].numpy(), read_picture(faces / "img_align_celeba" / names[-1], Crop(16, crop=148))[0]
    )


def test_celeba_faults(faces, picture):
    root = faces.parent
    with pytest.raises(ConfigError, match="Male"):
        celeba(root=root, label="male")
    with pytest.raises(ConfigError, match="val_size"):
        celeba(root=root, val_size=15)
    with pytest.raises(ConfigError, match="crop"):
        celeba(root=root, crop=0)
    with pytest.raises(DataError, match="smaller than the crop"):
        celeba(root=root, crop=200)
    lines = (faces / "list_attr_celeba.txt").read_text().splitlines()
    (faces / "list_attr_celeba.txt").write_text("\n".join(lines[:-4]))
    with pytest.raises(DataError, match="lacks"):
        celeba(root=root, label="Male")
    (faces / "list_attr_celeba.txt").write_text("\n".join([*lines[:5], "000004.jpg 7 7", *lines[6:]]))
    with pytest.raises(DataError, match="line 6"):
        celeba(root=root, label="Male")
    (faces / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"list_attr_celeba.txt is missing"):
        celeba(root=root, label="Male")
    (faces / "img_align_celeba" / "000005.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"000005.jpg"):
        celeba(root=root, size=16)
    assert sum(len(s) for s in vars(celeba(root=root, size=16, skip_bad=True)).values() if hasattr(s, "x")) == 29
    shutil.rmtree(faces / "img_align_celeba")
    with pytest.raises(DataError, match=r"img_align_celeba.zip .*mmlab.*celeba"):
        celeba(root=root)


def test_whole_lists_of_celeba_are_the_original_ones(faces):
    """Those of a part of the data set cannot be known; a whole one of other content is refused."""
    rows = "".join(f"{i:06d}.jpg {i % 3}\n" for i in range(1, 202_600))
    (faces / "list_eval_partition.txt").write_text(rows)
    with pytest.raises(DataError, match=r"list_eval_partition\.txt is damaged or another file"):
        celeba(root=faces.parent, size=16)
    (faces / "list_eval_partition.txt").write_text(rows[:-20])
    assert len(celeba(root=faces.parent, size=16).test) > 0


def _killed_while_unpacking(base):
    """A process that reads CelebA and is killed when its pictures are unpacked and not yet in their place."""
    if (pid := os.fork()) == 0:
        unpack.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        try:
            celeba(root=base.parent, size=16)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_celeba_zip(faces):
    expected = celeba(root=faces.parent, size=16)
    with zipfile.ZipFile(faces / "img_align_celeba.zip", "w") as file:
        for path in sorted((faces / "img_align_celeba").iterdir()):
            file.write(path, f"img_align_celeba/{path.name}")
    shutil.rmtree(faces / "img_align_celeba")
    shutil.rmtree(faces / ".genlab-cache")
    raw = (faces / "img_align_celeba.zip").read_bytes()
    (faces / "img_align_celeba.zip").write_bytes(raw[:-100])
    before = sorted(os.listdir(faces))
    with pytest.raises(DataError, match=r"img_align_celeba.zip"):
        celeba(root=faces.parent, size=16)
    assert sorted(os.listdir(faces)) == before
    with zipfile.ZipFile(faces / "img_align_celeba.zip", "w") as file:
        file.writestr("elsewhere/000001.jpg", b"")
    with pytest.raises(DataError, match="holds no folder img_align_celeba"):
        celeba(root=faces.parent, size=16)
    assert sorted(os.listdir(faces)) == before
    (faces / "img_align_celeba.zip").write_bytes(raw)
    _killed_while_unpacking(faces)
    assert any(name not in before for name in os.listdir(faces))
    assert torch.equal(celeba(root=faces.parent, size=16).train.x, expected.train.x)
    assert sorted(os.listdir(faces)) == sorted([*before, "img_align_celeba", ".genlab-cache"])


def test_real_celeba(need):
    d = celeba(root=need("celeba"), size=32, label="Male")
    assert sum(len(s) for s in (d.train, d.val, d.test)) == 3000
    assert 0.3 < float(d.train.y.double().mean()) < 0.55


def test_real_translation_sets(need):
    root = need("facades")
    before = sorted(os.listdir(root / "facades"))
    d = paired(root=root / "facades", size=32, direction="BtoA")
    assert [len(s) for s in (d.train, d.val, d.test)] == [200, 50, 50]
    d = unpaired(root=root / "apple2orange_64", size=64)
    assert (len(d.test.x), len(d.test.x_b)) == (60, 60)
    assert sorted(os.listdir(root / "facades")) == before
