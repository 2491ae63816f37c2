"""The file: every byte of it counts, and nothing in it is believed."""

import json
import zlib
from pathlib import Path

import pytest
import torch

from genlab.codec import side
from genlab.codec.container import MAGIC, Container, check_weights, content_hash, unpacked, weights_hash
from genlab.data.dataset import DataSpec
from genlab.errors import CheckpointError, DataError
from genlab.models import PixelCNN

HEAD = {"n": 3, "form": "split", "names": ["é/ü.png"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.gl"
    path.write_bytes(Container(b"w" * 8, b"c" * 8, HEAD, b"payload").packed())
    return path


def test_what_is_packed_is_unpacked(file):
    found = unpacked(file)
    assert (found.weights, found.content, dict(found.head), found.payload) == (b"w" * 8, b"c" * 8, HEAD, b"payload")


def test_every_flipped_byte_and_every_cut_is_seen(file):
    whole = file.read_bytes()
    for i in range(len(whole)):
        file.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with pytest.raises(DataError):
            unpacked(file)
        file.write_bytes(whole[:i])
        with pytest.raises(DataError):
            unpacked(file)


def test_other_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none.gl cannot be read \(No such file"):
        unpacked(tmp_path / "none.gl")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(DataError, match="was not written by genlab compress"):
        unpacked(tmp_path / "a.txt")


@pytest.mark.parametrize("head", [b"[1]", b"{", b'{"n": 1' + b" " * 100])
def test_a_head_that_is_none_is_refused(file, head):
    import hashlib
    import struct

    deflated = zlib.compress(head, 9, wbits=-15)
    whole = struct.pack("<4s8s8sI", MAGIC, b"w" * 8, b"c" * 8, len(deflated)) + deflated
    file.write_bytes(whole + hashlib.sha256(whole).digest()[:8])
    with pytest.raises(DataError, match="cannot be read"):
        unpacked(file)


def test_a_head_s_size_beyond_the_file_is_refused(file):
    import hashlib
    import struct

    deflated = zlib.compress(json.dumps(HEAD).encode(), 9, wbits=-15)
    whole = struct.pack("<4s8s8sI", MAGIC, b"w" * 8, b"c" * 8, 10**9) + deflated
    file.write_bytes(whole + hashlib.sha256(whole).digest()[:8])
    with pytest.raises(DataError, match="its head is cut"):
        unpacked(file)


def test_another_checkpoint_is_named(file):
    spec = DataSpec((1, 4, 4), 2)
    first, second = (PixelCNN(spec, channels=4, blocks=0, kernel_size=3, head_channels=4) for _ in range(2))
    own, other = weights_hash(first, spec), weights_hash(second, spec)
    assert own == weights_hash(first, spec) != other
    assert own != weights_hash(first, DataSpec((1, 4, 4), 2, 3))
    container = Container(own, b"c" * 8, {"model": "px"}, b"")
    check_weights(container, own, path=file, ckpt=Path("a.ckpt"))
    with pytest.raises(CheckpointError, match=r"b.ckpt: did not write .*x.gl; .*\(model=px\)"):
        check_weights(container, other, path=file, ckpt=Path("b.ckpt"))


def test_content_is_its_type_shape_and_values():
    x = torch.arange(6, dtype=torch.uint8)
    hashes = {content_hash(x), content_hash(x.view(2, 3)), content_hash(x.long()), content_hash(x.flip(0))}
    assert len(hashes) == 4
    assert content_hash(x, None) == content_hash(x)


def test_numbers_beside_the_examples():
    numbers = torch.tensor([0, 255, 256, 2**32 - 1])
    assert torch.equal(side.read(side.written(numbers), 4), numbers)
    assert side.read(side.written(None), 4) is None
    for text in ("nonsense!", side.written(numbers[:3]), 5, side.written(torch.arange(9))):
        with pytest.raises(DataError, match="lengths or labels"):
            side.read(text, 4)
