from __future__ import annotations

import collections
import hashlib
import io
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.config.trust import check_config, check_target
from genlab.errors import CheckpointError, TrainingError, TrustError
from genlab.files import atomic
from genlab.runs import directory
from genlab.storage import archive, checkpoint
from genlab.storage.weights import load_weights

SWITCHES = ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD")


def payload(step: int = 1, **more) -> dict:
    header = {"format": 1, "version": "0.1.0", "config": {"model": {"width": 3}}, "spec": {"levels": 256}, "step": step}
    return {"genlab": header, "state_dict": torch.nn.BatchNorm1d(3).state_dict(), **more}


@pytest.fixture
def good(tmp_path) -> Path:
    path = tmp_path / "good.ckpt"
    checkpoint.write(path, payload(w=torch.arange(20.0)))
    return path


def refused(path: Path, error: type[Exception], match: str = ".") -> str:
    with pytest.raises(error) as caught:
        checkpoint.read(path)
    message = str(caught.value).replace(str(path), "FILE")  # the folder is named after the test
    assert re.search(match, message)
    assert "\n" not in message
    return message


# --- what is written is what is read ---------------------------------------------------------------------------------

VALUES = {
    "nested": {"a": [1, -2.5, None, True, "é", (1, (2, 3, 4, 5, (6,))), 10**40], 7: {}, None: 1},
    "ordered": collections.OrderedDict(a=1),
    "counter": collections.Counter("aab"),
    "float8": torch.ones(3).to(torch.float8_e4m3fn),
    "uint16": torch.ones(3, dtype=torch.uint16),
    "bfloat16": torch.ones(3, dtype=torch.bfloat16),
    "complex": torch.ones(3, dtype=torch.complex64),
    "bool": torch.tensor([True]),
    "scalar": torch.tensor(3),
    "empty": torch.empty(0, 4),
    "view": torch.arange(10)[2:5],
    "transposed": torch.rand(3, 4).t(),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "types": (torch.Size([1, 2]), torch.float16, torch.device("cpu")),
    "random": (3, tuple(range(625)), None),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_written_is_read_back_also_by_plain_torch(name, tmp_path):
    value, path = VALUES[name], tmp_path / "a.ckpt"
    checkpoint.write(path, payload(x=value))
    for back in (checkpoint.read(path)["x"], torch.load(path, weights_only=True)["x"]):
        assert type(back) is type(value)
        if isinstance(value, torch.Tensor):
            assert (back.dtype, back.shape) == (value.dtype, value.shape)
            assert torch.equal(back.float() if value.is_floating_point() else back.to(torch.cfloat),
                               value.float() if value.is_floating_point() else value.to(torch.cfloat))  # fmt: skip
        else:
            assert back == value


def test_optimiser_state_and_shared_storage_survive(tmp_path):
    module = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    shared = torch.arange(4.0)
    checkpoint.write(tmp_path / "a.ckpt", payload(o=[optimiser.state_dict()], s=[shared, shared[1:]]))
    back = checkpoint.read(tmp_path / "a.ckpt")
    torch.testing.assert_close(back["o"][0], optimiser.state_dict(), rtol=0, atol=0)
    back["s"][0][1] = 9
    assert back["s"][1][0] == 9


class Strange(torch.Tensor):
    pass


def _overlaid() -> collections.OrderedDict:
    weights = collections.OrderedDict(a=1)
    weights.update = 3
    return weights


def _tagged() -> torch.Tensor:
    tensor = torch.ones(1)
    tensor.note = "x"
    return tensor


@pytest.mark.parametrize(
    "value",
    [
        np.float64(1.0), np.ones(2), {1, 2}, b"x", object(), collections.defaultdict(int), {(1, 2): 3}, 1 << 3000,
        torch.eye(2).to_sparse(), torch.ones(2, device="meta"), torch.ones(1).expand(5), Path("x"),
        torch.ones(2).as_subclass(Strange),
        _tagged(), _overlaid(), torch.ones(2, dtype=torch.cfloat).conj(), list(range(600_000)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_could_not_be_read_is_refused_when_written_and_named(value, good):
    before = good.read_bytes()
    with pytest.raises(TrainingError, match=r"\['callbacks'\]\['mine'\]") as caught:
        checkpoint.write(good, payload(callbacks={"mine": value}))
    assert "\n" not in str(caught.value)
    assert good.read_bytes() == before
    assert len(list(good.parent.iterdir())) == 2


@pytest.mark.parametrize("key", ["format", "version", "config", "spec", "step"])
def test_a_payload_without_its_header_is_not_written(key, tmp_path):
    value = payload()
    del value["genlab"][key]
    with pytest.raises(TrainingError, match=key):
        checkpoint.write(tmp_path / "a.ckpt", value)
    assert list(tmp_path.iterdir()) == []


def test_the_sha256_beside_is_what_sha256sum_writes(good):
    digest, name = Path(f"{good}.sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256(good.read_bytes()).hexdigest(), "good.ckpt")


def test_checksums_are_true_though_the_process_switched_them_off(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        checkpoint.write(tmp_path / "a.ckpt", payload())
        assert not torch.serialization.get_crc32_options()
    finally:
        torch.serialization.set_crc32_options(True)
    checkpoint.read(tmp_path / "a.ckpt")


# --- damage ----------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_is_detected_without_the_sha256(good):
    data = good.read_bytes()
    archive.verify(io.BytesIO(data), "whole", expected=None)
    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        with pytest.raises(CheckpointError):
            archive.verify(io.BytesIO(altered), "altered", expected=None)


def test_a_flipped_tensor_byte_is_detected_in_an_archive_that_torch_wrote(tmp_path):
    torch.save(payload(w=torch.full((1000,), 7.0)), tmp_path / "a.ckpt")
    data = (tmp_path / "a.ckpt").read_bytes()
    checkpoint.read(tmp_path / "a.ckpt")  # no seal: its checksums vouch
    at = data.index(torch.full((3,), 7.0).numpy().tobytes()) + 100
    (tmp_path / "a.ckpt").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    refused(tmp_path / "a.ckpt", CheckpointError, "damaged")


@pytest.mark.parametrize("keep", [0, 1, 4, 21, 22, 100, 0.5, -1, -64, -78, -79, -100])
def test_a_file_cut_short_is_damaged(keep, good):
    data = good.read_bytes()
    good.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    for _ in range(2):
        refused(good, CheckpointError)
        Path(f"{good}.sha256").unlink(missing_ok=True)


def test_a_file_that_is_not_the_one_of_the_sha256_is_refused(good, tmp_path):
    checkpoint.write(tmp_path / "other.ckpt", payload(2))
    good.write_bytes((tmp_path / "other.ckpt").read_bytes())
    refused(good, CheckpointError, "sha256")


def rezipped(source: Path, target: Path, *, compress: int = zipfile.ZIP_STORED, **replaced: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compress) as new:
        for member in old.infolist():
            new.writestr(member.filename, replaced.get(member.filename.split("/")[-1].split(".")[0], old.read(member)))
    return target


def test_compressed_members_and_two_of_one_name_are_refused(good, tmp_path):
    bomb = rezipped(good, tmp_path / "a.ckpt", compress=zipfile.ZIP_DEFLATED, byteorder=bytes(200_000_000))
    begin = time.perf_counter()
    refused(bomb, CheckpointError, "compressed")
    assert time.perf_counter() - begin < 1
    twice = rezipped(good, tmp_path / "b.ckpt")
    checkpoint.read(twice)
    with zipfile.ZipFile(twice, "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.writestr(file.namelist()[0], b"x")
    refused(twice, CheckpointError, "one name")


def test_a_table_of_contents_without_end_costs_neither_time_nor_memory(tmp_path):
    entry = b"PK\1\2" + bytes(42)
    count = 1_000_000
    with open(tmp_path / "a.ckpt", "wb") as file:
        file.write(b"PK\3\4" + bytes(26) + entry * count)
        size = count * len(entry)
        file.write(
            b"PK\5\6" + bytes(4) + b"\xff\xff" * 2 + size.to_bytes(4, "little") + (30).to_bytes(4, "little") + b"\0\0"
        )
    begin = time.perf_counter()
    refused(tmp_path / "a.ckpt", CheckpointError, "table of contents")
    assert time.perf_counter() - begin < 2


# --- what else a path may be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"), (b"hello.\n", "text"), (b"config\nfoo\n", "text"), (b"<!DOCTYPE html><html>", "HTML"),
        (b'{"a": 1}', "JSON"), (b"\x1f\x8b\x08", "gzip"), (b"\x89PNG\r\n", "PNG"), (bytes(range(256)), "damaged"),
        (b"\x50\0\0\0\0\0\0\0" + b'{"w":{}}', "safetensors"), (b"PK\3\4", "damaged"),
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_told_in_one_line_that_says_what_it_is(content, words, tmp_path):
    path = tmp_path / "a.ckpt"
    path.write_bytes(content)
    refused(path, CheckpointError, words)
    if content != b"PK\3\4":
        with pytest.raises(CheckpointError, match=words):
            checkpoint.resolve(str(path), outputs=tmp_path)


def test_a_zip_or_a_checkpoint_of_another_program_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.txt", "x")
    refused(tmp_path / "a.zip", CheckpointError, "not one of torch.save")
    torch.save(torch.nn.Linear(1, 1).state_dict(), tmp_path / "b.pt")
    refused(tmp_path / "b.pt", CheckpointError, r"bare state_dict .*'weight'")
    torch.save({"state_dict": {}, "epoch": 1}, tmp_path / "c.pt")
    refused(tmp_path / "c.pt", CheckpointError, "another program")
    torch.save([1], tmp_path / "d.pt")
    refused(tmp_path / "d.pt", CheckpointError, "holds a list")
    newer = payload()
    newer["genlab"]["format"] = 2
    torch.save(newer, tmp_path / "e.pt")
    refused(tmp_path / "e.pt", CheckpointError, "newest genlab")


def test_a_named_pipe_and_a_folder_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", CheckpointError, "no plain file")
    refused(tmp_path, CheckpointError, "no plain file")


# --- trust -----------------------------------------------------------------------------------------------------------


class Call:
    def __init__(self, function, *args):
        self.made = (function, args)

    def __reduce__(self):
        return self.made


def poisons(canary: Path) -> dict[str, bytes]:
    touch = f"touch {canary}"
    made = {f"system {p}": pickle.dumps({"genlab": Call(os.system, touch)}, protocol=p) for p in range(6)}
    made["exec"] = pickle.dumps(Call(exec, f"open({str(canary)!r}, 'w')"), protocol=2)
    made["getattr"] = pickle.dumps(Call(getattr, Call(__import__, "os"), "system"), protocol=2)
    made["text"] = f"cos\nsystem\n(S'{touch}'\ntR.".encode()
    made["inst"] = f"(S'{touch}'\nios\nsystem\n.".encode()
    return made


@pytest.mark.parametrize("switches", [(), SWITCHES[:1], SWITCHES])
@pytest.mark.parametrize("name", poisons(Path("x")))
def test_a_pickle_that_runs_code_is_refused_as_unsafe_and_nothing_runs(name, switches, good, tmp_path, monkeypatch):
    for switch in switches:
        monkeypatch.setenv(switch, "1")
    canary = tmp_path / "canary"
    poison = poisons(canary)[name]
    refused(rezipped(good, tmp_path / "zip.ckpt", data=poison), TrustError, "nothing ran")
    (tmp_path / "bare.ckpt").write_bytes(poison)
    refused(tmp_path / "bare.ckpt", TrustError, "nothing ran")
    with pytest.raises(TrustError):
        checkpoint.resolve(str(tmp_path / "bare.ckpt"), outputs=tmp_path)
    assert not canary.exists()
    assert all(os.environ[switch] == "1" for switch in switches)


def test_a_good_checkpoint_is_read_whatever_the_switches(good, monkeypatch):
    for switch in SWITCHES:
        monkeypatch.setenv(switch, "1")
    assert checkpoint.read(good)["genlab"]["step"] == 1


def test_torch_is_always_asked_for_its_safe_reader_on_the_cpu(good, monkeypatch):
    asked, real = [], torch.load
    monkeypatch.setattr(torch, "load", lambda file, **options: asked.append(options) or real(file, **options))
    checkpoint.read(good)
    assert asked == [{"map_location": "cpu", "weights_only": True, "mmap": False}]


def test_globals_that_another_library_declared_safe_stay_refused(good, tmp_path):
    with torch.serialization.safe_globals([Strange]):
        torch.save(payload(x=torch.ones(2).as_subclass(Strange)), tmp_path / "a.ckpt")
        refused(tmp_path / "a.ckpt", TrustError, "nothing ran")


def test_torchscript_is_refused_as_unsafe(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1)), tmp_path / "a.pt")
    refused(tmp_path / "a.pt", TrustError, "TorchScript")


def test_nested_references_do_not_hang_the_reader(good, tmp_path):
    levels = b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(50))
    begin = time.perf_counter()
    refused(
        rezipped(good, tmp_path / "a.ckpt", data=b"\x80\x02}()q\x00" + levels + b"K\x01u."), TrustError, "too large"
    )
    assert time.perf_counter() - begin < 1


def test_a_storage_larger_than_its_bytes_and_a_tensor_larger_than_its_storage_are_refused(tmp_path):
    torch.save(payload(w=torch.zeros(7)), tmp_path / "a.ckpt")
    data = zipfile.ZipFile(tmp_path / "a.ckpt").read("a/data.pkl")
    named = data.replace(b"K\x07tq", b"M\x07\x70tq")
    assert named != data
    refused(rezipped(tmp_path / "a.ckpt", tmp_path / "b.ckpt", data=named), TrustError, "storage of another size")
    torch.save(payload(w=torch.ones(1).expand(10**9)), tmp_path / "c.ckpt")
    refused(tmp_path / "c.ckpt", CheckpointError, "tensor of shape")


def test_a_dict_whose_methods_are_overlaid_is_refused(tmp_path):
    torch.save(payload(w=_overlaid()), tmp_path / "a.ckpt")
    refused(tmp_path / "a.ckpt", CheckpointError, "attributes")


@pytest.mark.parametrize("url", ["http://a/b.ckpt", "s3://a/b", "file:///etc/x", "hf://a"])
def test_a_url_is_refused(url, tmp_path):
    with pytest.raises(TrustError, match="files only"):
        checkpoint.resolve(url, outputs=tmp_path)
    with pytest.raises(TrustError, match="files only"):
        checkpoint.read(url)


def test_a_target_is_permitted_by_the_list_or_by_whole_package_names():
    allowed = {"genlab.models.VAE"}
    check_target("genlab.models.VAE", allowed=allowed, trust=[])
    check_target("mypackage.x.Y", allowed=allowed, trust=["mypackage"])
    check_target("mypackage.x.Y", allowed=allowed, trust=["mypackage.x"])
    for target, trust in [
        ("genlab.models.VAE2", []), ("genlab.models", []), ("mypackage2.Y", ["mypackage"]),
        ("mypackage.y.Y", ["mypackage.x"]),
        ("os.system", [""]), ("", [""]), ("mypackage..x", ["mypackage"]), ("mypackage.x\n", ["mypackage"]),
        (None, []), ({"a": 1}, []),
    ]:  # fmt: skip
        with pytest.raises(TrustError) as caught:
            check_target(target, allowed=allowed, trust=trust)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        {"_target_": "os.system"}, {"_target_": "ok", "_args_": [1]}, {"_partial_": True}, {"a": "${oc.env:HOME}"},
        {"${a}": 1}, {"a": object()}, {"_target_": "${x}"}, {"_target_": ["ok"]},
    ],
)  # fmt: skip
def test_a_config_is_checked_at_every_depth(bad):
    def check(config):
        check_config(config, allowed={"ok"}, trust=[])

    check({"model": {"_target_": "ok", "layers": [1, 2.5, None, "x", {"_target_": "ok"}]}})
    for config in (bad, {"a": bad}, {"a": [[1, bad]]}, {"a": ({"_target_": "ok", "b": bad},)}):
        with pytest.raises(TrustError):
            check(config)


# --- steps -----------------------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_newest_steps_are_kept_and_found_by_number(tmp_path):
    for step in (0, 5, 40, 1_000_000_000, 9_999_999_999):
        path = checkpoint.write_step(tmp_path, step, payload(step))
        assert checkpoint.latest(tmp_path) == path
    assert names(tmp_path) == sorted(
        name + end for name in ("step-1000000000.ckpt", "step-9999999999.ckpt") for end in ("", ".sha256")
    )
    assert checkpoint.write_step(tmp_path / "..", 7, payload(7), keep=1).name == "step-000000007.ckpt"


def test_a_damaged_newest_is_passed_over_with_a_line_and_never_costs_the_good_one(tmp_path, capsys):
    first, second = (checkpoint.write_step(tmp_path, step, payload(step)) for step in (1, 9))
    second.write_bytes(second.read_bytes()[:-1])
    assert checkpoint.latest(tmp_path) == first
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"^genlab: .*{second.name} is damaged.*{first.name}, of step 1$", line)
    third = checkpoint.write_step(tmp_path, 2, payload(2), keep=1)  # resumed from the first
    assert checkpoint.latest(tmp_path) == third
    third.write_bytes(b"")
    with pytest.raises(CheckpointError, match="can be read"):
        checkpoint.latest(tmp_path)


def test_the_best_counts_by_its_step_where_the_last_is_damaged(tmp_path):
    said: list[str] = []
    older, last = (checkpoint.write_step(tmp_path, step, payload(step)) for step in (0, 9))
    best = tmp_path / checkpoint.BEST
    checkpoint.write(best, payload(7))
    assert checkpoint.latest(tmp_path, report=said.append) == last
    assert said == []
    last.write_bytes(last.read_bytes()[:-1])
    assert checkpoint.latest(tmp_path, report=said.append) == best
    assert "best.ckpt, of step 7" in said[0]
    checkpoint.write_step(tmp_path, 8, payload(8))
    assert checkpoint.latest(tmp_path, report=said.append).name == "step-000000008.ckpt"
    best.write_bytes(b"")
    for path in checkpoint.steps(tmp_path)[1:]:
        path.write_bytes(b"")
    assert checkpoint.latest(tmp_path, report=said.append) == older
    assert len(said) == 3


def test_only_temporary_files_of_the_dead_are_removed(tmp_path):
    (tmp_path / ".step-000000001.ckpt.1.tmp").write_text("left by a kill; its pid is alive, but is not its writer")
    with atomic.temporary(tmp_path / "x") as (mine, _):
        checkpoint.write_step(tmp_path, 2, payload(2))
        assert [name for name in names(tmp_path) if name.endswith(".tmp")] == [mine.name]


def stops(path: Path, value: dict, monkeypatch):
    """Yield, in turn, the state of the folder as a kill at each call to the disk would leave it."""
    calls = ["fsync", "replace", "unlink"]
    count = 0

    class Killed(BaseException):
        pass

    def arm(at: int) -> None:
        nonlocal count
        count = 0

        def wrap(real):
            def call(*args, **kwargs):
                nonlocal count
                count += 1
                if count >= at:
                    raise Killed  # and so is every later call: the dead clean nothing up
                return real(*args, **kwargs)

            return call

        for name in calls:
            monkeypatch.setattr(os, name, wrap(getattr(os, name)))
        monkeypatch.setattr(Path, "unlink", wrap(Path.unlink))

    at = 0
    while True:
        at += 1
        arm(at)
        try:
            checkpoint.write(path, value)
            monkeypatch.undo()
            return
        except Killed:
            monkeypatch.undo()
            yield at


@pytest.mark.parametrize("name", ["step-000000002.ckpt", "best.ckpt"])
def test_a_kill_before_any_call_to_the_disk_leaves_a_valid_checkpoint(name, tmp_path, monkeypatch):
    path, seen = tmp_path / name, []
    checkpoint.write_step(tmp_path, 1, payload(1))
    for _ in stops(path, payload(2), monkeypatch):  # a new name: absent or whole
        seen.append(path.exists() and checkpoint.read(path)["genlab"]["step"])
        assert not path.exists() or Path(f"{path}.sha256").exists()
        assert checkpoint.read(checkpoint.latest(tmp_path))["genlab"]["step"] in (1, 2)
        path.unlink(missing_ok=True)
    assert set(seen) == {False, 2}
    seen.clear()
    for _ in stops(path, payload(3), monkeypatch):  # a name that exists: the old or the new
        seen.append(checkpoint.read(path)["genlab"]["step"])
        checkpoint.latest(tmp_path)
        checkpoint.write(path, payload(2))
    assert set(seen) == {2, 3}
    assert len(seen) >= 6


def test_a_reader_of_a_name_being_overwritten_always_gets_one_of_the_two(tmp_path):
    path = tmp_path / "best.ckpt"
    checkpoint.write(path, payload(0))
    pid = os.fork()
    if pid == 0:
        try:
            for step in range(10_000):
                checkpoint.write(path, payload(step))
        finally:
            os._exit(0)
    try:
        end = time.perf_counter() + 1
        reads = 0
        while time.perf_counter() < end:
            checkpoint.read(path)
            reads += 1
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert reads > 20


def test_a_name_replaced_between_opening_it_and_reading_its_sha256_is_read_again(good, monkeypatch):
    real, calls = checkpoint._expected, []

    def slow(path):
        if not calls:
            checkpoint.write(good, payload(2))
        calls.append(path)
        return real(path)

    monkeypatch.setattr(checkpoint, "_expected", slow)
    assert checkpoint.read(good)["genlab"]["step"] == 2
    assert len(calls) == 2


@pytest.mark.parametrize("limit", [0, 100, 3000, 100_000])
def test_a_full_disk_keeps_the_checkpoint_there_and_leaves_nothing(limit, tmp_path):
    path = tmp_path / "best.ckpt"
    checkpoint.write(path, payload(1))
    before = path.read_bytes()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for target in (path, tmp_path / "new.ckpt"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                error = None
                checkpoint.write(target, payload(2, w=torch.rand(100_000)))
            except TrainingError as caught:
                error = caught
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert str(tmp_path) in str(error)
            assert "\n" not in str(error)
    finally:
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["best.ckpt", "best.ckpt.sha256"]


def test_a_folder_that_is_not_there_is_a_training_error(tmp_path):
    with pytest.raises(TrainingError, match="missing"):
        checkpoint.write_step(tmp_path / "missing", 1, payload())


def test_faults_script_finds_no_broken_law(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "faults_checkpoint.py"
    command = [sys.executable, str(script), "--kills", "8", "--mutations", "200"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout


# --- names for checkpoints -------------------------------------------------------------------------------------------


def make_run(outputs: Path, stamp: str, *steps: int, best: bool = False) -> Path:
    run = outputs / "train" / "vae-digits" / f"{stamp}-abcdef"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text("{}")
    for step in steps:
        checkpoint.write_step(run / "checkpoints", step, payload(step))
    if best:
        checkpoint.write(run / "checkpoints" / "best.ckpt", payload(0))
    return run


def test_resolve_finds_last_best_runs_folders_and_files(tmp_path):
    make_run(tmp_path, "20260101-000000", 1, best=True)
    run = make_run(tmp_path, "20260102-000000", 1, 2)
    make_run(tmp_path, "20260103-000000")  # ended before its first checkpoint
    newest = run / "checkpoints" / "step-000000002.ckpt"
    for ckpt in ("last", str(run), str(run / "checkpoints"), str(newest)):
        assert checkpoint.resolve(ckpt, outputs=tmp_path) == newest
    with pytest.raises(CheckpointError, match=r"no best\.ckpt"):  # an older run's best is not what was asked for
        checkpoint.resolve("best", outputs=tmp_path)
    checkpoint.write(run / "checkpoints" / "best.ckpt", payload(1))
    assert checkpoint.resolve("best", outputs=tmp_path) == run / "checkpoints" / "best.ckpt"


def test_last_never_falls_back_to_another_run(tmp_path):
    make_run(tmp_path, "20260101-000000", 1)
    run = make_run(tmp_path, "20260102-000000", 1)
    (run / "checkpoints" / "step-000000001.ckpt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="20260102"):
        checkpoint.resolve("last", outputs=tmp_path)


def test_nothing_found_is_one_line_with_near_misses(tmp_path):
    for ckpt in ("last", "best"):
        with pytest.raises(CheckpointError, match="genlab train"):
            checkpoint.resolve(ckpt, outputs=tmp_path)
    run = make_run(tmp_path, "20260101-000000", 12)
    for ckpt, words in [
        (run / "checkpoints" / "step-00000012.ckpt", "did you mean .*step-000000012.ckpt"),
        (run / "nowhere" / "a.ckpt", "no folder"),
        (run / "samples.ckpt", "no such checkpoint"),
        (tmp_path / "train", "directory without"),
        ("a\0b", "cannot open|no such"),
        ("x" * 5000, "cannot open"),
        ("~nobody-of-that-name/x", "no such"),
    ]:
        with pytest.raises(CheckpointError, match=words) as caught:
            checkpoint.resolve(str(ckpt), outputs=tmp_path)
        assert "\n" not in str(caught.value)
    assert directory.last(tmp_path) == run


# --- weights ---------------------------------------------------------------------------------------------------------


def test_weights_load_or_the_first_difference_is_named(tmp_path):
    module, other = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4)
    load_weights(module, other.state_dict(), source="a.ckpt (Linear)")
    assert torch.equal(module.weight, other.weight)
    for weights, words in [
        (torch.nn.Linear(5, 4).state_dict(), r"'weight' is \(4, 5\) there and \(4, 3\) here"),
        ({**other.state_dict(), "extra": torch.ones(1)}, r"'extra' is \(1,\) there and missing here"),
        ({"weight": other.weight}, r"'bias' is missing there and \(4,\) here"),
        (torch.nn.BatchNorm1d(2).state_dict(), r"more keys differ"),
        ({"weight": other.weight, "bias": "x"}, r"'bias' is str there"),
    ]:
        with pytest.raises(CheckpointError, match=words) as caught:
            load_weights(module, weights, source="a.ckpt (VAE)")
        assert str(caught.value).startswith("a.ckpt (VAE) does not fit Linear: ")
        assert "\n" not in str(caught.value)
