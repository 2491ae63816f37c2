"""What others may have put under a name that genlab opens: links, pipes, devices, sparse and endless files."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.sources_registry import SourcesRegistry

from genlab.comparison.recorded import read_curves
from genlab.config.compose import compose
from genlab.config.hydra_loader import Loader
from genlab.data import cache
from genlab.errors import CheckpointError, ConfigError, TrainingError, TrustError
from genlab.files import atomic, foreign, plainyaml
from genlab.runs import directory
from genlab.storage import checkpoint
from genlab.training.loggers import CSVLog

REASON = "plain file|link|expected|sparse"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(1 << 40)
    return path


@pytest.fixture(params=["pipe", "device", "folder", "sparse", "link"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A name that is no plain file of a reasonable size."""
    path = tmp_path / "odd"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    elif request.param == "folder":
        path.mkdir()
    elif request.param == "sparse":
        sparse(path)
    else:
        (tmp_path / "target").write_text("{}")
        path.symlink_to(tmp_path / "target")
    return path


def test_nothing_but_a_plain_file_is_read(odd: Path) -> None:
    with pytest.raises(OSError, match=REASON):
        foreign.read_bytes(odd)
    with pytest.raises(CheckpointError, match="odd"):
        directory.read_json(odd)
    with pytest.raises(OSError, match=REASON):
        plainyaml.read(odd)
    assert read_curves(odd) == {}


def test_a_device_is_no_file_even_where_links_may_be_followed(tmp_path: Path) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="no plain file"):
        foreign.read_bytes(tmp_path / "zero", links=True)


def test_a_sum_beside_a_checkpoint_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    path = Path(__file__).parents[1] / "assets/older-run/checkpoints/step-000000004.ckpt"
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    os.mkfifo(tmp_path / f"{path.name}.sha256")
    with pytest.raises(CheckpointError, match="sha256"):
        checkpoint.read(copy)


def test_a_checkpoint_of_holes_is_refused_at_once(tmp_path: Path) -> None:
    path = sparse(tmp_path / "step-000000001.ckpt")
    with path.open("r+b") as file:
        file.write(b"PK\3\4")
    with pytest.raises(CheckpointError, match="sparse"):
        checkpoint.read(path)


def test_an_abandoned_name_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".x.tmp")
    atomic.remove_abandoned(tmp_path)
    assert (tmp_path / ".x.tmp").exists()


@pytest.mark.parametrize("name", [".lock", "metrics.csv", "checkpoints", "samples", "tensorboard", "compare", "jobs"])
def test_a_run_with_a_link_is_not_written(name: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(mine)
    with pytest.raises(TrustError, match=name), directory.lock(run):
        pass
    assert mine.read_text() == "precious"


def test_a_lock_that_is_a_hard_link_is_not_emptied(tmp_path: Path) -> None:
    mine, run = tmp_path / "mine", tmp_path / "run"
    mine.write_text("precious")
    run.mkdir()
    os.link(mine, run / ".lock")
    with pytest.raises(ConfigError, match="hard link"), directory.lock(run):
        pass
    assert mine.read_text() == "precious"


def test_a_log_of_metrics_leaves_what_links_point_at(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    (run / ".metrics.csv.tmp").symlink_to(mine)
    log = CSVLog(run / "metrics.csv")
    log.log_metrics({"loss": 1.0}, step=1)
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").symlink_to(mine)
    with pytest.raises((OSError, TrainingError)):
        log.log_metrics({"loss": 1.0}, step=2)
    assert mine.read_text() == "precious"


def test_writing_replaces_a_link_and_not_what_it_points_at(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (tmp_path / "summary.json").symlink_to(mine)
    directory.write_text(tmp_path / "summary.json", "new")
    assert mine.read_text() == "precious"
    assert (tmp_path / "summary.json").read_text() == "new"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "values"),
        ("a: &a\n  b: *a\n", "contains itself"),
        ("[" * 100 + "]" * 100, "deep"),
        ("a: [", "expected"),
    ],
)
def test_yaml_that_never_ends_is_refused(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(plainyaml.UnreadableError, match=why):
        plainyaml.load(text)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        compose("train", [f"--config-dir={tmp_path}", "data=bad"])


def test_yaml_of_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/bad.yaml").write_bytes("name: Gr\xf6\xdfe\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"bad.yaml.*UTF-8"):
        compose("train", [f"--config-dir={tmp_path}", "data=bad"])


def test_config_files_are_bounded_where_a_launcher_unpickles_a_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    held = pickle.dumps(Loader(ConfigSearchPathImpl()))
    source = SourcesRegistry.instance().resolve("file")
    monkeypatch.setattr(source, "load_config", lambda *_: None)  # as it is in a new process
    pickle.loads(held)
    assert source.load_config.bounded


def test_aliases_and_merges_of_an_ordinary_text_are_read() -> None:
    assert plainyaml.load("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: *a\n") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1},
    }


@pytest.mark.parametrize("kind", ["pipe", "device", "header", "objects"])
def test_a_cache_entry_that_is_none_is_made_again(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    made = np.arange(6)
    cache.kept(["k"], lambda: made)
    (entry,) = tmp_path.glob("*.npy")
    raw = entry.read_bytes()[: -cache.TRAILER.size]
    entry.unlink()
    if kind == "pipe":
        os.mkfifo(entry)
    elif kind == "device":
        entry.symlink_to("/dev/zero")
    else:
        change = (b"(6,)", b"(6000000000000,)") if kind == "header" else (b"'<i8'", b"'|O' ")
        raw = raw.replace(b" " * (len(change[1]) - len(change[0])), b"", 1) if kind == "header" else raw
        raw = raw.replace(*change)
        import zlib

        entry.write_bytes(raw + cache.TRAILER.pack(cache.MARK, zlib.crc32(raw), len(raw)))
    assert (cache.kept(["k"], lambda: made) == made).all()


def test_an_idx_file_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    from genlab.data.sources.mnist import read_idx
    from genlab.errors import DataError

    os.mkfifo(tmp_path / "a-idx1-ubyte")
    with pytest.raises(DataError, match="no plain file"):
        read_idx(tmp_path / "a-idx1-ubyte", ndim=1)


def test_an_idx_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    from genlab.data.sources.mnist import read_idx
    from genlab.errors import DataError

    monkeypatch.setattr(sys.modules["genlab.data.sources.mnist"], "MAX_IDX", 1000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(5000)))
    with pytest.raises(DataError, match="more than 1000 bytes"):
        read_idx(tmp_path / "a.gz", ndim=1)
