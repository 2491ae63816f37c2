"""Sweeps, with a worker that only pretends to train: what survives what, and what is told at the end."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from genlab.cli.main import main
from genlab.config import compose
from genlab.config.arguments import parse
from genlab.launch import job_records, jobs
from genlab.launch.sweep import create, run

WORKER = """
import json, os, pathlib, signal, sys, time, yaml
run = pathlib.Path(sys.argv[-1])
config = yaml.safe_load((run / "config.yaml").read_text())["config"]
print("hello from", config["seed"])
ready = run / "checkpoints" / "step-000000001.ckpt"
def stop(signum, frame):
    ready.touch()
    sys.exit(128 + signum)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGHUP, stop)
kinds = {103: "is killed", 104: "waits", 105: "hangs", 106: "starts slowly", 107: "trains", 108: "trains deaf"}
kind = {**dict.fromkeys((100, 101, 102), "fails"), **kinds}.get(config["seed"])
if kind == "fails":
    print("noise\\ngenlab: error: loss is nan at step 5 (kl)", file=sys.stderr)
    sys.exit(5)
if kind == "is killed":
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "starts slowly":
    time.sleep(0.5)
if kind in ("hangs", "trains deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if kind in ("trains", "trains deaf"):
    ready.with_name("step-000000000.ckpt").touch()
    time.sleep(60)
if kind in ("waits", "hangs") and not ready.exists():
    (run / "up").touch()
    time.sleep(60)
latent_dim = config["model"]["latent_dim"]
value = 100.0 + (latent_dim if isinstance(latent_dim, int) else 20) + config["optim"]["lr"]
val = {"value": value, "standard_error": 0.5, "unit": "nats per example", "kind": "upper bound"}
(run / "summary.json").write_text(json.dumps({"val": val, "test": val, "status": "finished", "steps": 1}))
"""


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Run a sweep in an empty directory with the pretended worker; its exit code, directory and rows."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    monkeypatch.setattr(jobs, "COMMAND", (sys.executable, str(script)))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(["train", *words])
        (folder,) = (tmp_path / "outputs" / "sweep").glob("*/*")
        return code, folder, json.loads((folder / "summary.json").read_text())["jobs"]

    return run


def test_all_settings_run_and_are_ranked(sweep, capfd, tmp_path):
    code, folder, rows = sweep("-m", "model.latent_dim=8,2,32", "seed=0,1")
    out, err = capfd.readouterr()
    assert (code, err) == (0, "")
    assert [row["value"] for row in rows] == pytest.approx([102.001] * 2 + [108.001] * 2 + [132.001] * 2)
    assert {row["status"] for row in rows} == {"finished"}
    assert len({row["run_dir"] for row in rows}) == 6
    assert len(list((tmp_path / "outputs" / "train" / "vae-digits").iterdir())) == 6
    for row in rows:
        with open(f"{row['run_dir']}/log.txt") as log:
            assert log.read().startswith("hello from")
    assert "hello from" not in out  # a job's own output is in its log
    assert out.count(": started") == out.count(": finished") == 6
    assert "model.latent_dim=2 seed=0" in out
    with (folder / "summary.csv").open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == [row["value"] for row in rows]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs", "worker.py"]  # no multirun/, no .hydra


def test_a_job_that_fails_fails_alone(sweep, capfd):
    code, _, rows = sweep("-m", "optim.lr=1e-3,-1,2e-3", "seed=0,100,103")
    out, err = capfd.readouterr()
    assert err == ""
    assert code == 5  # job 1's own: seed=100
    by_number = {row["number"]: row for row in rows}
    finished, nan, killed, negative = by_number[0], by_number[1], by_number[2], by_number[3]
    assert (finished["status"], nan["status"], nan["exit_code"]) == ("finished", "failed", 5)
    assert nan["message"] == "loss is nan at step 5 (kl)"
    assert killed["message"] == "killed by SIGKILL (out of memory?)"
    assert negative["message"] == "optim.lr: input should be greater than 0 (got -1)"
    assert (negative["exit_code"], negative["run_dir"]) == (2, None)
    assert [row["number"] for row in rows][:2] == [0, 6]
    assert "2 of 9 jobs finished" in out
    assert "loss is nan at step 5" in out


def test_the_exit_code_of_a_job_killed_first_is_that_of_training(sweep):
    assert sweep("-m", "seed=103,0")[0] == 5


def test_a_sweep_is_resumed_by_its_directory(sweep, capfd):
    code, folder, rows = sweep("-m", "seed=0,103,1")
    assert code == 5
    first = {row["number"]: row["run_dir"] for row in rows}
    (folder / "jobs" / "2" / "job.json").unlink()  # as if it had never run
    capfd.readouterr()
    code, again, rows = sweep(f"resume={folder}")
    out = capfd.readouterr().out
    assert again == folder
    second = {row["number"]: row["run_dir"] for row in rows}
    assert second[0] == first[0]
    assert second[2] != first[2]
    assert "job 0: kept  seed=0" in out
    assert "job 2: started  seed=1" in out
    assert len(rows) == 3


def test_a_job_that_had_its_share_of_the_time_is_stopped_and_done(sweep, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(jobs, "GRACE", 1.0)
    words = ["seed=107,108,0", "optim.lr=2e-3"]  # one saves when it is told, one does not listen
    folder = create("train", parse(["-m", *words], verb="train", flags={}), limit=0.3)
    for kind in ("stopped", "kept"):
        assert run(folder) == 0
        rows = {row["number"]: row for row in json.loads((folder / "summary.json").read_text())["jobs"]}
        assert [rows[number]["status"] for number in range(3)] == ["stopped", "stopped", "finished"]
        assert capfd.readouterr().out.count(f": {kind}") == (2 if kind == "stopped" else 3)


def test_a_share_of_the_time_begins_with_the_first_checkpoint(sweep, tmp_path):
    folder = create("train", parse(["-m", "seed=106"], verb="train", flags={}), limit=0.01)
    assert run(folder) == 0
    (row,) = json.loads((folder / "summary.json").read_text())["jobs"]
    assert row["status"] == "finished"  # it took longer than its share to get ready, and nothing to train


def test_a_sweep_of_another_verb_runs_and_is_resumed(tmp_path, monkeypatch, capfd):
    script, ckpt = tmp_path / "worker.py", tmp_path / "step-000000001.ckpt"
    script.write_text("import sys, pathlib; (pathlib.Path(sys.argv[-1]) / 'summary.json').write_text('{}')")
    with zipfile.ZipFile(ckpt, "w") as file:
        file.writestr("x", "")
    monkeypatch.setattr(jobs, "COMMAND", (sys.executable, str(script)))
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "-m", "seed=0,1", f"ckpt={ckpt}"]) == 0
    (folder,) = (tmp_path / "outputs" / "sweep").glob("*/*")
    assert main(["train", f"resume={folder}"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "2 of 2 jobs finished" in out
    assert "job 0: kept" in out


def test_a_sweep_is_resumed_with_its_own_settings(sweep, capfd):
    _, folder, _ = sweep("-m", "seed=0,1")
    capfd.readouterr()
    assert main(["train", f"resume={folder}", "optim.lr=1"]) == 2
    assert "a sweep is resumed with its own settings" in capfd.readouterr().err


def test_a_sweep_from_elsewhere_configures_nothing(sweep, capfd):
    _, folder, _ = sweep("-m", "seed=0,1")
    path = folder / "sweep.json"
    held = json.loads(path.read_text())
    for word in (
        "hydra.launcher.setup=[ls]",
        "hydra.job.env_set.LD_PRELOAD=x",
        "+hydra.callbacks.x._target_=builtins.print",
    ):
        path.write_text(json.dumps({**held, "argv": [*held["argv"], word]}))
        assert main(["train", f"resume={folder}"]) == 6
    path.write_text(json.dumps({**held, "argv": [*held["argv"], "model._target_=os.getcwd", "trust=[os]"]}))
    (folder / "jobs" / "0" / "job.json").unlink()
    assert main(["train", f"resume={folder}"]) == 6
    path.write_text("[]")
    assert main(["train", f"resume={folder}"]) == 4


def test_optuna_minimises_the_validation_value_and_repeats_itself(sweep, capfd):
    pytest.importorskip("optuna")
    words = [
        "-m",
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=4",
        "optim.lr=interval(1e-4,1e-2)",
        "seed=choice(0,103)",
    ]
    code, folder, rows = sweep(*words)
    _, err = capfd.readouterr()
    assert err == ""
    assert len(rows) == 4
    assert (folder / "optimization_results.yaml").is_file()
    best = [row["value"] for row in rows if row["value"] is not None]
    assert best == sorted(best)
    assert code == (5 if any(row["status"] == "failed" for row in rows) else 0)
    sweep(f"resume={folder}")
    assert capfd.readouterr().out.count(": kept") == len(best)


def test_joblib_runs_jobs_in_other_processes(sweep, capfd):
    pytest.importorskip("joblib")
    code, _, rows = sweep("-m", "optim.lr=-1,-2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert code == 2
    assert [row["message"].split(" (")[1] for row in rows] == ["got -1)", "got -2)"]
    assert capfd.readouterr().err == ""


def test_a_launcher_that_is_not_installed(sweep, capfd, monkeypatch, tmp_path):
    from hydra._internal.config_repository import CachingConfigRepository

    known = CachingConfigRepository.load_config
    monkeypatch.setattr(
        CachingConfigRepository,
        "load_config",
        lambda self, config_path: None if config_path.endswith("/joblib") else known(self, config_path),
    )
    assert main(["train", "-m", "seed=0,1", "hydra/launcher=joblib"]) == 2
    assert "hydra/launcher=joblib: not installed; pip install 'genlab[sweep]'" in capfd.readouterr().err
    assert not (tmp_path / "outputs").exists()


def test_a_launcher_that_cannot_start_leaves_nothing(sweep, capfd, tmp_path):
    pytest.importorskip("submitit")
    assert main(["train", "-m", "seed=0,1", "hydra/launcher=submitit_slurm"]) == 2
    assert "hydra/launcher=submitit_slurm: " in capfd.readouterr().err
    assert not (tmp_path / "outputs").exists()


def test_no_job_starts_once_the_sweep_was_told_to_stop(sweep):
    _, folder, rows = sweep("-m", "seed=0")
    (folder / jobs.STOP).touch()
    words = ["--multirun", "seed=5", f"hydra.sweep.dir={folder}", "hydra.sweep.subdir=jobs/7"]
    compose.run_hydra("train", words, jobs.job)
    assert [record["number"] for record in job_records.records(folder)] == [rows[0]["number"]]


def start_process(tmp_path, *words):
    """A sweep in a process of its own, as a terminal would have it."""
    (tmp_path / "worker.py").write_text(WORKER)
    code = (
        "import sys; from genlab.launch import jobs; from genlab.cli import main as cli\n"
        "jobs.COMMAND = (sys.executable, 'worker.py'); jobs.GRACE = 2.0\n"
        f"sys.exit(cli.main({['train', *words]!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("outputs/train/*/*/up")):
        assert time.monotonic() < deadline, process.communicate()
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


def orphans(tmp_path):
    """Processes that still run a job below ``tmp_path``."""
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and os.fsencode(tmp_path / "outputs") in command(pid)]


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="looks for orphans in /proc")
@pytest.mark.parametrize(
    ("signum", "status", "seed"),
    [("SIGTERM", 143, 104), ("SIGINT", 130, 104), ("SIGHUP", 129, 104), ("SIGTERM", 143, 105)],
)
def test_a_signal_reaches_the_job_and_leaves_no_orphan(signum, status, seed, sweep, tmp_path):
    process = start_process(tmp_path, "-m", f"seed={seed},0")
    process.send_signal(getattr(signal, signum))
    out, err = process.communicate(timeout=15)
    assert process.returncode == status, err
    assert err == ""
    assert orphans(tmp_path) == []
    (folder,) = (tmp_path / "outputs" / "sweep").glob("*/*")
    assert f"genlab train resume={folder}" in out
    rows = json.loads((folder / "summary.json").read_text())["jobs"]
    assert [row["status"] for row in rows] == ["interrupted"]  # and no further job was started
    if seed == 104:  # its worker wrote a checkpoint: the sweep goes on in the same run directory
        code, _, again = sweep(f"resume={folder}")
        assert code == 0
        assert [row["status"] for row in again] == ["finished"] * 2
        assert next(row for row in again if row["number"] == 0)["run_dir"] == rows[0]["run_dir"]


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="looks for orphans in /proc")
def test_a_worker_tied_to_its_sweep_ends_with_it(tmp_path):
    code = (
        "import signal, sys, time; from genlab.process.streams import die_with_parent; "
        "die_with_parent(signal.SIGTERM); time.sleep(60)"
    )
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {code!r}, {str(tmp_path / 'outputs')!r}])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(1.0)
    assert len(orphans(tmp_path)) >= 1
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while orphans(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert orphans(tmp_path) == []
