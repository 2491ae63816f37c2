from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from genlab.data import cache, mapped
from genlab.data.cache import decoded, file_keys
from genlab.errors import DataError


class Build:
    def __init__(self, array):
        self.array = array
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.array


ARRAY = np.arange(2400, dtype=np.uint8).reshape(10, 240)


@pytest.fixture
def source(tmp_path, own_cache):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"12345")
    return folder


def _files(folder):
    return sorted(folder.rglob("*.npy"))


def test_built_once_beside_the_source(source, own_cache):
    build = Build(ARRAY)
    for _ in range(3):
        assert np.array_equal(decoded(("k",), source, build), ARRAY)
    assert build.calls == 1
    assert len(_files(source / ".genlab-cache")) == 1
    assert os.listdir(source / ".genlab-cache") == [_files(source)[0].name]
    assert not own_cache.exists()


def test_other_keys_other_arrays(source):
    assert np.array_equal(decoded(("k", 1), source, Build(ARRAY)), ARRAY)
    assert np.array_equal(decoded(("k", 2), source, Build(ARRAY[:3])), ARRAY[:3])
    assert np.array_equal(decoded(("k1", ""), source, Build(ARRAY[:2])), ARRAY[:2])


def test_file_keys_change_with_the_file(source):
    file = source / "a.png"
    keys = {str(file_keys([file], base=source))}
    os.utime(file, ns=(1, 1))
    keys.add(str(file_keys([file], base=source)))
    file.write_bytes(b"123456")
    os.utime(file, ns=(1, 1))
    keys.add(str(file_keys([file], base=source)))
    file = file.rename(source / "b.png")
    keys.add(str(file_keys([file], base=source)))
    file.unlink()
    keys.add(str(file_keys([file], base=source)))
    assert len(keys) == 5


def test_read_only_source(source, own_cache):
    source.chmod(0o555)
    try:
        build = Build(ARRAY)
        for _ in range(2):
            decoded(("k",), source, build)
        assert build.calls == 1
        assert os.listdir(source) == ["a.png"]
        assert len(_files(own_cache)) == 1
    finally:
        source.chmod(0o755)


def test_nowhere_to_write(source, own_cache, monkeypatch):
    source.chmod(0o555)
    own_cache.write_text("a file, not a folder")
    try:
        assert np.array_equal(decoded(("k",), source, Build(ARRAY)), ARRAY)
        assert os.listdir(source) == ["a.png"]
    finally:
        source.chmod(0o755)


def test_the_name_is_given_to_a_whole_file(source, own_cache, monkeypatch):
    seen = []

    def replace(part, path):
        seen.append((part.parent, path.exists(), cache._read(part) is not None))
        raise OSError(5, "the machine stops here")

    monkeypatch.setattr(cache.os, "replace", replace)
    decoded(("k",), source, Build(ARRAY))
    assert seen == [(source / ".genlab-cache", False, True), (own_cache, False, True)]
    assert os.listdir(own_cache) == []
    assert os.listdir(source / ".genlab-cache") == []


def test_disk_full(source, monkeypatch, caplog):
    def full(file, array, *, allow_pickle):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "save", full)
    assert np.array_equal(decoded(("k",), source, Build(ARRAY)), ARRAY)
    assert "No space left" in caplog.text
    assert os.listdir(source / ".genlab-cache") == []


@pytest.mark.parametrize("map_from", [cache.MAP_FROM, 1], ids=["read", "mapped"])
@pytest.mark.parametrize("damage", ["empty", "half", "one byte less", "one byte more", "a gap", "html", "header"])
def test_damaged_files_are_rebuilt(source, monkeypatch, damage, map_from):
    monkeypatch.setattr(cache, "MAP_FROM", map_from)
    decoded(("k",), source, Build(ARRAY))
    (file,) = _files(source)
    raw = file.read_bytes()
    broken = {
        "empty": b"",
        "half": raw[: len(raw) // 2],
        "one byte less": raw[:-1],
        "one byte more": raw + b"x",
        "a gap": raw[:500] + raw[510:],
        "html": b"<html>",
        "header": b"x" * 50 + raw[50:],
    }[damage]
    file.write_bytes(broken)
    build = Build(ARRAY)
    assert np.array_equal(decoded(("k",), source, build), ARRAY)
    assert build.calls == 1
    assert file.read_bytes() == raw


def test_a_flipped_byte_is_found(source):
    decoded(("k",), source, Build(ARRAY))
    (file,) = _files(source)
    raw = file.read_bytes()
    for place in range(0, len(raw), 97):
        file.write_bytes(raw[:place] + bytes([raw[place] ^ 4]) + raw[place + 1 :])
        build = Build(ARRAY)
        assert np.array_equal(decoded(("k",), source, build), ARRAY)
        assert build.calls == 1, place


def test_pickles_are_never_read(source):
    decoded(("k",), source, Build(ARRAY))
    (file,) = _files(source)
    with file.open("wb") as out:
        np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        length = out.tell()
    raw = file.read_bytes()
    file.write_bytes(raw + cache.TRAILER.pack(cache.MARK, cache.zlib.crc32(raw), length))
    build = Build(ARRAY)
    assert np.array_equal(decoded(("k",), source, build), ARRAY)
    assert build.calls == 1


def test_check_refuses_what_does_not_fit(source):
    decoded(("k",), source, Build(ARRAY))
    build = Build(ARRAY[:5])
    assert len(decoded(("k",), source, build, check=lambda array: len(array) == 5)) == 5
    assert build.calls == 1


def test_large_arrays_are_mapped_and_the_file_is_safe(source, monkeypatch):
    monkeypatch.setattr(cache, "MAP_FROM", 1000)
    for _ in range(2):
        array = decoded(("k",), source, Build(ARRAY))
        assert any(at <= array.ctypes.data < at + len(pages) for at, pages in mapped._maps.items())
        assert np.array_equal(array, ARRAY)
        array[:] = 0
    assert np.array_equal(decoded(("k",), source, Build(None)), ARRAY)


def _worker(args):
    folder, _ = args
    array = np.full((200, 1000), 7, np.uint8)
    ok = True
    for i in range(20):
        got = decoded(("shared", i), folder, lambda: array)
        ok = ok and np.array_equal(got, array)
    return ok


def test_concurrent_runs(source):
    with ProcessPoolExecutor(4) as pool:
        assert all(pool.map(_worker, [(source, seed) for seed in range(4)]))
    assert len(os.listdir(source / ".genlab-cache")) == 20


def _rows(blocks, *, most=10):
    return cache.Rows(np.dtype(np.uint8), (240,), most, blocks)


@pytest.mark.parametrize("map_from", [cache.MAP_FROM, 1], ids=["whole", "as they come"])
@pytest.mark.parametrize("kept", [10, 7, 0])
def test_rows_make_the_file_that_the_array_makes(source, monkeypatch, map_from, kept):
    decoded(("array",), source, Build(ARRAY[:kept]))
    (expected,) = _files(source)
    monkeypatch.setattr(cache, "MAP_FROM", map_from)
    blocks = [ARRAY[:3], ARRAY[:0], ARRAY[3:kept]] if kept > 3 else []
    array = decoded(("rows",), source, lambda: _rows(lambda: iter(blocks)))
    assert np.array_equal(array, ARRAY[:kept])
    (made,) = set(_files(source)) - {expected}
    assert made.read_bytes() == expected.read_bytes()


def test_rows_that_no_disk_takes_are_in_memory(source, monkeypatch, caplog):
    monkeypatch.setattr(cache, "MAP_FROM", 1)

    def full(file, rows):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "_save", full)
    assert np.array_equal(decoded(("k",), source, lambda: _rows(lambda: iter([ARRAY]))), ARRAY)
    assert "No space left" in caplog.text
    assert _files(source) == []


def test_rows_that_cannot_be_made_leave_no_file(source, monkeypatch):
    monkeypatch.setattr(cache, "MAP_FROM", 1)

    def blocks():
        yield ARRAY[:3]
        raise DataError("a bad picture")

    with pytest.raises(DataError, match="a bad picture"):
        decoded(("k",), source, lambda: _rows(blocks))
    assert os.listdir(source / ".genlab-cache") == []
