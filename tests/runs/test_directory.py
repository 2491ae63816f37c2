from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from genlab.errors import CheckpointError, ConfigError, TrainingError
from genlab.runs import directory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../../x", "/abs", "a/b", "lr=1", "a\n", "a\0", "a b", ".hidden", "é", "x" * 101]
)
def test_a_name_that_is_no_plain_directory_is_refused(name, tmp_path):
    with pytest.raises(ConfigError) as caught:
        directory.create(tmp_path / "outputs", "train", name)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["vae-mnist", "x" * 100, "a.b_c-1", "_x"])
def test_a_plain_name_makes_a_directory_below_outputs(name, tmp_path):
    run = directory.create(tmp_path, "train", name)
    assert run.parent == tmp_path / "train" / name
    assert sorted(entry.name for entry in run.iterdir()) == [".number", "checkpoints", "samples"]
    assert [entry.name for entry in directory.create(tmp_path, "eval", name).iterdir()] == [".number"]


def test_a_hundred_simultaneous_starts_make_a_hundred_directories(tmp_path, monkeypatch):
    # Ids from a pool of 150 collide all the time, as real ones hardly ever do.
    monkeypatch.setattr(
        directory.os, "urandom", lambda n: (int.from_bytes(_URANDOM(2), "big") % 150).to_bytes(n, "big")
    )
    monkeypatch.setattr(directory.time, "strftime", lambda _: "20260101-000000")
    made, gate = [], threading.Barrier(20)

    def start():
        gate.wait()
        made.extend(directory.create(tmp_path, "train", "a") for _ in range(5))

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 100
    assert len(list((tmp_path / "train" / "a").iterdir())) == 100


_URANDOM = os.urandom


def test_outputs_that_cannot_be_written_is_one_line_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="outputs=FOLDER"):
        directory.create(tmp_path / "file", "train", "a")


def _run(outputs: Path, name: str, stamp: str, *, verb: str = "train", config: bool = True) -> Path:
    run = outputs / verb / name / f"{stamp}-abcdef"
    run.mkdir(parents=True)
    if config:
        (run / "config.yaml").write_text("{}")
    return run


def test_last_is_the_newest_by_name_that_holds_a_config(tmp_path):
    newest = _run(tmp_path, "z", "20260102-000000")
    older = _run(tmp_path, "a", "20260101-235959")  # written later, and first by name
    os.utime(older / "config.yaml", (2**31, 2**31))
    _run(tmp_path, "a", "20270101-000000", config=False)
    sampled = _run(tmp_path, "a", "20280101-000000", verb="sample")
    assert directory.last(tmp_path) == newest
    assert directory.last(tmp_path, verb="sample") == sampled
    assert directory.listing(tmp_path, verb="train") == [newest, older]


def test_within_one_second_the_later_config_is_the_newer(tmp_path):
    first, second = _run(tmp_path, "z", "20260102-000000"), _run(tmp_path, "a", "20260102-000000")
    os.utime(first / "config.yaml", ns=(1, 1))
    os.utime(second / "config.yaml", ns=(2, 2))
    assert directory.last(tmp_path) == second
    os.utime(first / "config.yaml", ns=(3, 3))
    assert directory.last(tmp_path) == first


def test_no_run_at_all_is_a_checkpoint_error_with_a_remedy(tmp_path):
    for outputs in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CheckpointError, match="genlab train"):
            directory.last(outputs)


_HOLD = """
import sys, time
from genlab.runs import directory
with directory.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(run: Path) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(run)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_on_a_run_is_refused_until_the_first_is_killed(tmp_path):
    process = _holder(tmp_path)
    try:
        with pytest.raises(ConfigError, match=rf"pid {process.pid}\).*{tmp_path.name}"), directory.lock(tmp_path):
            pass
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    with directory.lock(tmp_path):
        pass


def test_the_lock_is_free_again_after_the_block_and_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), directory.lock(tmp_path):
        raise ZeroDivisionError
    with directory.lock(tmp_path), pytest.raises(ConfigError, match=str(os.getpid())), directory.lock(tmp_path):
        pass
    with directory.lock(tmp_path):
        pass


_FORKS = """
import os, subprocess, sys, time
from genlab.runs import directory
with directory.lock(sys.argv[1]):
    if os.fork() == 0:  # as a data worker
        time.sleep(60)
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # as a rank
    print("held", flush=True)
    time.sleep(60)
"""


def test_children_that_outlive_a_killed_run_do_not_keep_its_lock(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _FORKS, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError), directory.lock(tmp_path):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.05)
        with directory.lock(tmp_path):
            pass
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    directory.write_json(path, {"bpd": 3.5, "name": "é"})
    assert directory.read_json(path) == {"bpd": 3.5, "name": "é"}

    def full(_fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(TrainingError, match="No space left"):
            directory.write_json(path, {"bpd": 1})
    assert directory.read_json(path)["bpd"] == 3.5
    assert [entry.name for entry in tmp_path.iterdir()] == ["summary.json"]
    with pytest.raises(TrainingError, match="missing"):
        directory.write_text(tmp_path / "missing" / "x", "")


def test_a_reader_never_sees_a_part_of_a_file(tmp_path):
    path, stop, bad = tmp_path / "a.txt", threading.Event(), []
    directory.write_text(path, "0" * 200_000)

    def look():
        while not stop.is_set():
            text = path.read_text()
            if len(text) != 200_000 or len(set(text)) != 1:
                bad.append(len(text))

    thread = threading.Thread(target=look)
    thread.start()
    for i in range(30):
        directory.write_text(path, str(i % 10) * 200_000)
    stop.set()
    thread.join()
    assert bad == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_damaged_json_is_a_checkpoint_error_of_one_line(content, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.json is damaged") as caught:
        directory.read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


def test_summaries_are_newest_first_and_a_damaged_one_hides_no_other(tmp_path):
    first, second, third, fourth = (_run(tmp_path, "a", f"2026010{i}-000000") for i in (1, 2, 3, 4))
    directory.write_json(first / "summary.json", {"n": 1})
    (second / "summary.json").write_text("{")
    directory.write_json(third / "summary.json", {"n": 3})
    directory.write_json(fourth / "summary.json", [1])
    with pytest.warns(UserWarning, match="damaged"):
        assert list(directory.summaries(tmp_path)) == [(third, {"n": 3}), (first, {"n": 1})]


def test_neither_module_imports_torch_or_yaml():
    code = "import sys, genlab.runs.directory, genlab.storage.checkpoint, genlab.config.trust; "
    code += "print([m for m in ('torch', 'yaml', 'omegaconf', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_last_run_is_the_one_started_last_whatever_the_clock_said(tmp_path, monkeypatch):
    started = []
    for stamp in ("20260101-120000", "20251026-020000", "20251026-015959"):  # set back, and back once more
        monkeypatch.setattr(directory.time, "strftime", lambda _, stamp=stamp: stamp)
        run = directory.create(tmp_path, "train", f"m{len(started)}")
        (run / directory.CONFIG).write_text("{}")
        os.utime(run / directory.CONFIG, (2e9 - len(started), 2e9 - len(started)))
        started.append(run)
    assert directory.listing(tmp_path) == started[::-1]
    assert directory.last(tmp_path) == started[-1]


def test_runs_without_a_number_are_older_and_ordered_by_their_stamps(tmp_path):
    for name in ("20300101-000000-aaaaaa", "20300101-000001-aaaaaa"):
        (tmp_path / "train/m" / name).mkdir(parents=True)
        (tmp_path / "train/m" / name / directory.CONFIG).write_text("{}")
    new = directory.create(tmp_path, "train", "m")
    (new / directory.CONFIG).write_text("{}")
    assert [run.name for run in directory.listing(tmp_path)] == [
        new.name,
        "20300101-000001-aaaaaa",
        "20300101-000000-aaaaaa",
    ]


def test_the_lock_leaves_what_the_lock_file_held(tmp_path):
    (tmp_path / ".lock").write_text("123\n")
    with directory.lock(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
    assert (tmp_path / ".lock").read_text() == "123\n"
