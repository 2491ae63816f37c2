"""digits, MNIST and its kin, CIFAR-10: official files, and fabricated ones with every fault."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import genlab.data as data
from genlab.data.fetch.roots import data_root, existing_folder, is_writable
from genlab.errors import ConfigError, DataError

mnist_module = importlib.import_module("genlab.data.sources.mnist")
cifar_module = importlib.import_module("genlab.data.sources.cifar10")
fashion_module = importlib.import_module("genlab.data.sources.fashion_mnist")


def test_import_is_light():
    code = "import sys, genlab.data; print([m for m in ('sklearn', 'torchvision', 'PIL', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_functions_survive_the_import_of_their_modules():
    for name in ("digits", "mnist", "cifar10", "celeba", "toy2d"):
        importlib.import_module(f"genlab.data.sources.{name}")
        assert callable(getattr(data, name))


def test_digits():
    d = data.digits()
    assert d.spec == data.DataSpec((1, 8, 8), 17, 10)
    assert [len(s) for s in (d.train, d.val, d.test)] == [1197, 300, 300]
    x = torch.cat([s.x for s in (d.train, d.val, d.test)])
    assert x.dtype == torch.uint8
    assert x.max() == 16
    assert len(x.unique(dim=0)) == 1797  # no picture is in two splits
    assert torch.cat([s.y for s in (d.train, d.val, d.test)]).bincount().min() > 170
    assert torch.equal(d.test.x, data.digits().test.x)
    assert d.test.y[:8].tolist() == [7, 8, 0, 6, 2, 5, 6, 7]  # the split is frozen


def test_the_table_of_digits_is_what_scikit_learn_reads():
    from sklearn.datasets import load_digits

    bunch, table = load_digits(), importlib.import_module("genlab.data.sources.digits")._table()
    assert np.array_equal(table[:, :-1], bunch.data)
    assert np.array_equal(table[:, -1], bunch.target)


def test_mnist(need):
    d = data.mnist(root=need("MNIST"), download=False)
    assert d.spec == data.DataSpec((1, 28, 28), 256, 10)
    assert [len(s) for s in (d.train, d.val, d.test)] == [55_000, 5000, 10_000]
    total = d.train.x.double().sum() + d.val.x.double().sum()
    assert float(total) / 255 / (60_000 * 784) == pytest.approx(0.13066, abs=1e-5)
    assert float(d.test.x.double().mean()) / 255 == pytest.approx(0.13251, abs=1e-5)
    assert d.test.y[0] == 7
    assert d.train.y.dtype == torch.int64
    assert data.mnist(root=need("MNIST"), val_size=1000).val.y.shape == (1000,)
    with pytest.raises(ConfigError, match="val_size"):
        data.mnist(root=need("MNIST"), val_size=60_000)


def test_fashion_mnist(need):
    d = data.fashion_mnist(root=need("FashionMNIST"))
    assert float(d.test.x.double().mean()) / 255 == pytest.approx(0.28685, abs=1e-5)
    assert d.test.y[0] == 9


def test_binarized_mnist(need):
    root = need("MNIST")
    grey, d = data.mnist(root=root), data.binarized_mnist(root=root)
    assert d.spec.levels == 2
    assert torch.equal(d.train.x, grey.train.x)
    for part in ("val", "test"):
        x, p = getattr(d, part).x, getattr(grey, part).x
        assert x.unique().tolist() == [0, 1]
        assert not x[p == 0].any()
        assert x[p == 255].all()
        assert float(x.double().mean()) == pytest.approx(float(p.double().mean()) / 255, abs=2e-4)
        assert torch.equal(x, getattr(data.binarized_mnist(root=root), part).x)
    batch = d.train_transform(d.train.x[:64], torch.Generator().manual_seed(0))
    assert batch.dtype == torch.uint8
    assert batch.unique().tolist() == [0, 1]
    # These very bits are the test set: figures depend on them.
    assert hashlib.sha256(np.packbits(d.test.x.numpy()).tobytes()).hexdigest()[:16] == BINARY_TEST_SHA256


BINARY_TEST_SHA256 = "d90fe88e8dea647a"


def _idx(array, *, magic=None):
    head = bytes((0, 0, 8, array.ndim)) if magic is None else magic
    return head + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A small MNIST with right checksums; returns the root and a function that replaces one file."""
    rng = np.random.RandomState(0)
    folder = tmp_path / "root" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    unpacked, packed_sums = {}, []

    def put(stem, raw, *, packed=True, known=True):
        body = gzip.compress(raw, mtime=0) if packed else raw
        (folder / (stem + ".gz" * packed)).write_bytes(body)
        if known:
            unpacked[stem] = hashlib.md5(raw).hexdigest()
            if packed:
                name = f"{stem}.gz"
                packed_sums[:] = [each for each in packed_sums if each[0] != name]
                packed_sums.append((name, hashlib.md5(body).hexdigest()))

    for part, n in (("train", 50), ("t10k", 20)):
        put(f"{part}-images-idx3-ubyte", _idx(rng.randint(0, 256, (n, 28, 28), dtype=np.uint8)))
        put(f"{part}-labels-idx1-ubyte", _idx(rng.randint(0, 10, n).astype(np.uint8)))
    monkeypatch.setattr("torchvision.datasets.MNIST.resources", packed_sums)
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr(mnist_module, "MNIST", replace(mnist_module.MNIST, unpacked=unpacked))
    return tmp_path / "root", put


@pytest.mark.parametrize("source", [mnist_module.MNIST, fashion_module.FASHION_MNIST], ids=lambda source: source.name)
def test_torchvision_publishes_addresses_and_sums_of_the_four_files(source):
    assert set(source.md5) == set(source.unpacked)
    assert all(url.startswith(("http://", "https://")) and url.endswith("/") for url in source.mirrors)
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in source.md5.values())
    assert not set(source.md5.values()) & set(source.unpacked.values())


def test_the_lists_of_the_whole_celeba_are_checked(tmp_path, monkeypatch):
    celeba_module = importlib.import_module("genlab.data.sources.celeba")
    monkeypatch.setattr(celeba_module, "WHOLE", 2)
    for name in ("list_eval_partition.txt", "identity_CelebA.txt", "list_attr_celeba.txt"):
        path = tmp_path / name
        path.write_text("a\n")  # of a part nothing is known
        assert celeba_module._lines(path) == ["a"]
        path.write_text("a\nb\n")
        with pytest.raises(DataError, match=f"{name} is damaged or another file"):
            celeba_module._lines(path)


def test_small(small):
    root, _ = small
    d = data.mnist(root=root, val_size=10)
    assert [len(s) for s in (d.train, d.val, d.test)] == [40, 10, 20]


def test_unpacked_files_serve_too(small):
    root, _ = small
    expected = data.mnist(root=root, val_size=10)
    for path in list((root / "MNIST" / "raw").iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    got = data.mnist(root=root, val_size=10, download=False)
    assert torch.equal(got.train.x, expected.train.x)
    assert torch.equal(got.test.y, expected.test.y)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "binarized_mnist"])
def test_unpacked_files_of_another_data_set_are_refused(tmp_path, need, name):
    """All three read the same names and sizes: only the sum tells them apart."""
    own, other = ("FashionMNIST", "MNIST") if name == "fashion_mnist" else ("MNIST", "FashionMNIST")
    root, folder = need(own), tmp_path / own / "raw"
    folder.mkdir(parents=True)
    for path in (root / own / "raw").glob("*.gz"):
        (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    assert len(getattr(data, name)(root=tmp_path, download=False).test) == 10_000
    for what in ("t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "train-images-idx3-ubyte"):
        (folder / what).write_bytes(gzip.decompress((need(other) / other / "raw" / f"{what}.gz").read_bytes()))
        with pytest.raises(DataError, match=rf"{what} is damaged or another file"):
            getattr(data, name)(root=tmp_path, download=False)


IMAGES = np.zeros((20, 28, 28), np.uint8)
FAULTS = {
    "cut short": ("images-idx3", _idx(IMAGES)[:-1], "its header says"),
    "too long": ("images-idx3", _idx(IMAGES) + b"x", "its header says"),
    "cut in the header": ("images-idx3", _idx(IMAGES)[:10], "not an IDX file"),
    "empty": ("images-idx3", b"", "not an IDX file"),
    "wrong magic": ("images-idx3", _idx(IMAGES, magic=b"\0\0\x0d\3"), "not an IDX file"),
    "labels for images": ("images-idx3", _idx(np.zeros(20, np.uint8)), "not an IDX file"),
    "other size": ("images-idx3", _idx(np.zeros((20, 8, 8), np.uint8)), "not 28x28"),
    "huge header": ("images-idx3", bytes((0, 0, 8, 3)) + b"\xff" * 12, "its header says"),
    "counts differ": ("labels-idx1", _idx(np.zeros(19, np.uint8)), "do not belong together"),
    "label 10": ("labels-idx1", _idx(np.full(20, 10, np.uint8)), "labels 0..9"),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("which", "raw", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_of_idx_files(small, which, raw, words, packed):
    root, put = small
    stem = f"t10k-{which}-ubyte"
    if not packed:
        (root / "MNIST" / "raw" / f"{stem}.gz").unlink()
    put(stem, raw, packed=packed)
    with pytest.raises(DataError, match=words) as caught:
        data.mnist(root=root, val_size=10)
    assert stem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_gz_is_named(small):
    root, _ = small
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    raw = path.read_bytes()
    path.write_bytes(raw[:100] + b"x" + raw[101:])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is damaged"):
        data.mnist(root=root, val_size=10)


def test_missing_and_no_network(small):
    root, _ = small
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    for download in (True, False):
        with pytest.raises(DataError) as caught:
            data.mnist(root=root, val_size=10, download=download)
        message = str(caught.value)
        assert all(part in message for part in ("t10k-labels-idx1-ubyte.gz", "http://127.0.0.1:9/", str(root)))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "binarized_mnist", "cifar10", "celeba"])
def test_missing_or_empty_root(tmp_path, monkeypatch, name):
    function = getattr(data, name)
    options = {} if name == "celeba" else {"download": False}
    with pytest.raises(DataError, match="nowhere does not exist"):
        function(root=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty is empty: put .* from http"):
        function(root=tmp_path / "empty", **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is not a folder"):
        function(root=tmp_path / "file")
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"absent .*does not exist: put .* from http"):
        function(**options, root=None)


def test_roots(tmp_path, monkeypatch):
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "new" / "deep"))
    assert data_root(None, download=True) == tmp_path / "new" / "deep"
    assert (tmp_path / "new" / "deep").is_dir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root("~/new") == tmp_path / "new"
    monkeypatch.delenv("GENLAB_DATA")
    assert data_root(None, download=True) == tmp_path / ".cache" / "genlab"
    with pytest.raises(DataError, match="empty"):
        existing_folder(tmp_path / "new" / "deep")
    assert is_writable(tmp_path / "a" / "b")
    tmp_path.chmod(0o555)
    try:
        assert not is_writable(tmp_path)
        assert not is_writable(tmp_path / "a" / "b")
    finally:
        tmp_path.chmod(0o755)


@pytest.fixture
def cifar(tmp_path, monkeypatch, own_cache):
    """A small archive of CIFAR-10's form; returns a function that writes it."""
    root = tmp_path / "root"
    root.mkdir()
    rng = np.random.RandomState(0)

    def write(change=None, *, extra=(), each=8):
        batches = {
            name: np.concatenate((np.arange(each)[:, None], rng.randint(0, 256, (each, 3072))), 1).astype(np.uint8)
            for name in (*cifar_module.TRAIN_FILES, *cifar_module.TEST_FILES)
        }
        files = {f"cifar-10-batches-bin/{name}": array.tobytes() for name, array in batches.items()}
        files |= change or {}
        with tarfile.open(root / "cifar-10-binary.tar.gz", "w:gz") as tar:
            for name, raw in files.items():
                if raw is not None:
                    info = tarfile.TarInfo(name)
                    info.size = len(raw)
                    tar.addfile(info, io.BytesIO(raw))
            for info in extra:
                tar.addfile(info)
        body = (root / "cifar-10-binary.tar.gz").read_bytes()
        monkeypatch.setattr(cifar_module, "MD5", hashlib.md5(body).hexdigest())
        return root, batches

    return write


def test_cifar10(cifar):
    root, batches = cifar()
    for _ in range(2):
        d = data.cifar10(root=root, val_size=10)
        assert d.spec == data.DataSpec((3, 32, 32), 256, 10)
        assert [len(s) for s in (d.train, d.val, d.test)] == [30, 10, 8]
        test = batches["test_batch.bin"]
        assert torch.equal(d.test.y, torch.from_numpy(test[:, 0].astype(np.int64)))
        assert np.array_equal(d.test.x.numpy(), test[:, 1:].reshape(8, 3, 32, 32))
        train = np.concatenate([batches[name] for name in cifar_module.TRAIN_FILES])[:, 1:].reshape(-1, 3, 32, 32)
        got = {x.tobytes() for x in (*d.train.x.numpy(), *d.val.x.numpy())}
        assert got == {x.tobytes() for x in train}
    assert sorted(os.listdir(root)) == [".genlab-cache", "cifar-10-binary.tar.gz"]


def test_cifar10_unpacked_serves_if_it_is_the_original(cifar, monkeypatch):
    root, batches = cifar(each=10)
    with tarfile.open(root / "cifar-10-binary.tar.gz") as tar:
        tar.extractall(root)  # our own archive; Python 3.11.2 has no filter
    expected = data.cifar10(root=root, val_size=10)
    (root / "cifar-10-binary.tar.gz").unlink()
    with pytest.raises(DataError, match="other pictures than those of CIFAR-10"):
        data.cifar10(root=root, val_size=10, download=False)
    monkeypatch.setattr(cifar_module, "PER_CLASS", (5, 1))
    with pytest.raises(DataError, match="other pictures than those of CIFAR-10"):
        data.cifar10(root=root, val_size=10, download=False)
    first = hashlib.sha256(batches["data_batch_1.bin"][0, 1:].tobytes()).hexdigest()
    monkeypatch.setattr(cifar_module, "FIRST", first)
    assert torch.equal(data.cifar10(root=root, val_size=10, download=False).train.x, expected.train.x)


def test_the_first_picture_of_cifar10_is_known(need):
    with Image.open(need("cifar10_first4000") / "cifar10_first4000" / "cifar10_batch_0.png") as sheet:
        first = np.asarray(sheet)[0, :, :3].T  # planes of red, green and blue, as the records have them
    assert hashlib.sha256(first.tobytes()).hexdigest() == cifar_module.FIRST


def test_cifar10_faults(cifar, monkeypatch):
    one = "cifar-10-batches-bin/data_batch_3.bin"
    for change, words in (
        ({one: b"x" * 100}, "data_batch_3.bin is cut short"),
        ({one: bytes(3073)}, "data_batch_3.bin is cut short"),
        ({one: None}, "data_batch_3.bin is missing"),
        ({one: b"\x0a" * 3073 * 8}, "labels above 9"),
    ):
        root, _ = cifar(change)
        with pytest.raises(DataError, match=words):
            data.cifar10(root=root, val_size=10)
    link = tarfile.TarInfo("cifar-10-batches-bin/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/"
    root, _ = cifar(extra=[link])
    with pytest.raises(DataError, match="refused"):
        data.cifar10(root=root, val_size=10)
    monkeypatch.setattr(cifar_module, "MD5", "0" * 32)
    with pytest.raises(DataError, match="damaged or another file"):
        data.cifar10(root=root, val_size=10)
    assert os.listdir(root) == ["cifar-10-binary.tar.gz"]


def test_cifar10_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar_module, "URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz")
    for download in (True, False):
        (tmp_path / "other").write_text("")
        with pytest.raises(DataError) as caught:
            data.cifar10(root=tmp_path, download=download)
        assert all(
            part in str(caught.value) for part in ("http://127.0.0.1:9/", "cifar-10-binary.tar.gz", str(tmp_path))
        )
