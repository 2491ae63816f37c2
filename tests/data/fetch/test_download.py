from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from genlab.data.fetch import download, unpack
from genlab.data.fetch.download import fetch, verify
from genlab.data.fetch.unpack import unpack_tar, unpack_zip
from genlab.errors import DataError

PAYLOAD = os.urandom(3_000_000)
MD5 = hashlib.md5(PAYLOAD).hexdigest()
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()


@pytest.fixture(scope="module")
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/good")
                self.end_headers()
                return
            if self.path == "/missing":
                self.send_error(404)
                return
            body = {
                "/good": PAYLOAD,
                "/other": PAYLOAD[:-1] + b"x",
                "/html": b"<!DOCTYPE html><html>quota exceeded</html>",
                "/cut": PAYLOAD[:1000],
                "/empty": b"",
            }[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(PAYLOAD) if self.path == "/cut" else len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize("path", ["/good", "/moved"])
@pytest.mark.parametrize("checksum", [{"md5": MD5}, {"sha256": SHA256}, {"sha256": SHA256.upper()}])
def test_fetch(server, tmp_path, path, checksum):
    target = tmp_path / "new" / "file.bin"
    assert fetch([server + path], target, **checksum) == target
    assert target.read_bytes() == PAYLOAD
    assert os.listdir(target.parent) == ["file.bin"]


def test_next_mirror(server, tmp_path):
    urls = [server + path for path in ("/missing", "/html", "/other", "/cut", "/empty", "/good")]
    assert fetch(urls, tmp_path / "file.bin", md5=MD5).read_bytes() == PAYLOAD
    assert os.listdir(tmp_path) == ["file.bin"]


@pytest.mark.parametrize(
    ("path", "words"),
    [("/other", "another md5"), ("/html", "HTML page"), ("/cut", ""), ("/empty", ""), ("/missing", "Not Found")],
)
def test_a_wrong_reply_leaves_nothing(server, tmp_path, path, words):
    with pytest.raises(DataError) as caught:
        fetch([server + path], tmp_path / "file.bin", md5=MD5)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    for part in ("file.bin", server + path, str(tmp_path)):
        assert part in message
    assert os.listdir(tmp_path) == []


def test_no_network(tmp_path):
    url = "http://127.0.0.1:9/file.bin"  # the discard port: refused
    with pytest.raises(DataError) as caught:
        fetch([url], tmp_path / "sub" / "file.bin", md5=MD5, timeout=2)
    assert all(part in str(caught.value) for part in ("file.bin", url, str(tmp_path / "sub")))
    assert os.listdir(tmp_path / "sub") == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_other_schemes_are_refused(tmp_path, url):
    with pytest.raises(DataError, match="http"):
        fetch([url], tmp_path / "x", md5=MD5)
    assert os.listdir(tmp_path) == []


def test_too_much(server, tmp_path):
    with pytest.raises(DataError, match="more than 1000 bytes"):
        fetch([server + "/good"], tmp_path / "x", md5=MD5, max_bytes=1000)
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_there_is_kept(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(PAYLOAD)
    assert fetch(["http://127.0.0.1:9/"], target, md5=MD5) == target
    target.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"file.bin"):
        fetch(["http://127.0.0.1:9/"], target, md5=MD5)
    assert target.read_bytes() == b"mine"


def test_a_read_only_folder_stays_as_it_is(server, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(DataError, match="read-only"):
            fetch([server + "/good"], tmp_path / "sub" / "file.bin", md5=MD5)
        assert os.listdir(tmp_path) == []
    finally:
        tmp_path.chmod(0o755)


def test_disk_errors_are_not_taken_for_the_network(server, tmp_path, monkeypatch):
    def full(file, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_write_all", full)
    with pytest.raises(DataError, match="No space left"):
        fetch([server + "/good", server + "/good"], tmp_path / "x", md5=MD5)
    assert os.listdir(tmp_path) == []


def test_verify(tmp_path):
    with pytest.raises(DataError, match="absent"):
        verify(tmp_path / "absent", md5=MD5)
    with pytest.raises(TypeError):
        verify(tmp_path / "absent")


def _tar(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content
                tar.addfile(info)
    return path


REG, SYM, HARD, FIFO, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE
ESCAPES = {
    "dotdot": [("../evil", REG, b"x")],
    "deep dotdot": [("a/../../evil", REG, b"x")],
    "absolute": [("/tmp/genlab-evil", REG, b"x")],
    "symlink": [("link", SYM, ".."), ("link/evil", REG, b"x")],
    "inner symlink": [("link", SYM, "good")],
    "hard link": [("link", HARD, "../outside")],
    "fifo": [("pipe", FIFO, "")],
    "backslash": [("..\\evil", REG, b"x")],
    "drive": [("C:\\evil", REG, b"x")],
}


def _everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("members", ESCAPES.values(), ids=ESCAPES.keys())
def test_tar_escapes(tmp_path, members):
    archive = _tar(tmp_path / "a.tar.gz", ("good", REG, b"good"), *members)
    (tmp_path / "outside").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"a.tar.gz: refused"):
        unpack_tar(archive, tmp_path / "out" / "in")
    assert _everything(tmp_path) == ["a.tar.gz", "out", "outside"]
    assert not os.path.exists("/tmp/genlab-evil")


def test_tar(tmp_path):
    archive = _tar(tmp_path / "a.tar", ("d", DIR, ""), ("d/x", REG, b"1"), ("./y", REG, b"2"), mode="w")
    folder = unpack_tar(archive, tmp_path / "out")
    assert _everything(folder) == ["d", "d/x", "y"]
    assert (folder / "d" / "x").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["../evil", "/tmp/genlab-evil", "a/../../evil", "..\\evil"])
def test_zip_escapes(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("good", b"good")
        file.writestr(name, b"x")
    with pytest.raises(DataError, match=r"a.zip: refused"):
        unpack_zip(tmp_path / "a.zip", tmp_path / "out" / "in")
    assert _everything(tmp_path) == ["a.zip", "out"]


def test_zip_symlink(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "..")
    with pytest.raises(DataError, match="link"):
        unpack_zip(tmp_path / "a.zip", tmp_path / "out")


def test_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("d/x", b"1")
    assert (unpack_zip(tmp_path / "a.zip", tmp_path / "out") / "d" / "x").read_bytes() == b"1"


@pytest.mark.parametrize("cut", [0, 10, 200, -100])
@pytest.mark.parametrize("unpacked", [unpack_tar, unpack_zip])
def test_damaged_archives(tmp_path, unpacked, cut):
    path = tmp_path / "a"
    if unpacked is unpack_tar:
        _tar(path, ("x", REG, PAYLOAD[:5000]))
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("x", PAYLOAD[:5000])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpacked(path, tmp_path / "out")
    assert os.listdir(tmp_path) == ["a"]


def test_flipped_byte_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x", b"abc" * 1000)
    raw = bytearray((tmp_path / "a").read_bytes())
    raw[40] ^= 1
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(DataError):
        unpack_zip(tmp_path / "a", tmp_path / "out")
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("unpacked", [unpack_tar, unpack_zip])
def test_bombs(tmp_path, monkeypatch, unpacked):
    monkeypatch.setattr(unpack, "MAX_UNPACKED", 1000)
    if unpacked is unpack_tar:
        _tar(tmp_path / "a", ("x", REG, bytes(600)), ("y", REG, bytes(600)))
    else:
        with zipfile.ZipFile(tmp_path / "a", "w") as file:
            file.writestr("x", bytes(1200))
    with pytest.raises(DataError, match="1,200 bytes"):
        unpacked(tmp_path / "a", tmp_path / "out")
    assert os.listdir(tmp_path) == ["a"]


def test_an_existing_folder_is_not_overwritten(tmp_path):
    archive = _tar(tmp_path / "a", ("x", REG, b"new"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_bytes(b"mine")
    with pytest.raises(DataError):
        unpack_tar(archive, tmp_path / "out")
    assert (tmp_path / "out" / "x").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["a", "out"]


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_an_archive_of_nothing_but_zeros_is_refused_before_it_is_written(tmp_path, ending):
    archive, zeros = tmp_path / f"a.{ending}", bytes(1 << 20)
    if ending == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            for i in range(70):
                file.writestr(str(i), zeros)
    else:
        with tarfile.open(archive, "w:gz", compresslevel=1) as file:
            for i in range(70):
                member = tarfile.TarInfo(str(i))
                member.size = len(zeros)
                file.addfile(member, io.BytesIO(zeros))
    with pytest.raises(DataError, match="no data set of its size"):
        (unpack_zip if ending == "zip" else unpack_tar)(archive, tmp_path / "out")
    assert os.listdir(tmp_path) == [archive.name]


def test_an_archive_that_does_not_fit_on_the_disk_is_refused_before_it_is_written(tmp_path, monkeypatch):
    archive = _tar(tmp_path / "a", ("x", REG, bytes(600)))
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda _: unpack.shutil._ntuple_diskusage(0, 0, 500))
    with pytest.raises(DataError, match="make room"):
        unpack_tar(archive, tmp_path / "out")
    assert os.listdir(tmp_path) == ["a"]


def test_what_a_killed_process_left_of_unpacking_is_removed_and_what_another_writes_is_not(tmp_path):
    archive = _tar(tmp_path / "a", ("x", REG, b"1"))
    for name in (".out.1-aa.part", ".out.2-bb.part"):
        (tmp_path / name).mkdir()
    with unpack._held(tmp_path / ".out.2-bb.part"):
        unpack_tar(archive, tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == [".out.2-bb.part", "a", "out"]


def test_an_archive_that_is_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a")
    for each in (unpack_tar, unpack_zip):
        with pytest.raises(DataError, match="no plain file"):
            each(tmp_path / "a", tmp_path / "out")
    with pytest.raises(DataError, match="no plain file"):
        verify(tmp_path / "a", md5=MD5)
