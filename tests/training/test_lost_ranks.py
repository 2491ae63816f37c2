"""A rank that is killed, stopped or never comes ends the run: exit 5, one line, and no rank is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from genlab.errors import Interrupted, TrainingError
from genlab.runs import directory
from genlab.storage import checkpoint
from genlab.training import lost_ranks

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self"), reason="finds ranks in /proc")
LONG = ["data=toy2d", "data.num_train=900", "data.num_val=50", "data.num_test=50", "model.hidden=[4]", "trainer=ddp"]
LONG += [
    "trainer.max_steps=1000000",
    "trainer.max_epochs=1000000",
    "trainer.val_check_interval=1000000",
]


def ranks_of(run: Path) -> dict[int, int]:
    """Process ids by LOCAL_RANK of the ranks that Lightning has started on a run."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(run) in words:
            local = [word for word in environ if word.startswith(b"LOCAL_RANK=")]
            found[int(local[0].partition(b"=")[2]) if local else 0] = int(pid)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("how", "timeout"), [("killed", 120), ("stopped", 90), ("never comes", 8)])
def test_a_lost_rank_ends_the_run(how: str, timeout: int, config: Callable, run_dir: Callable, tmp_path: Path) -> None:
    run, log = run_dir("a"), tmp_path / "log"
    settings = config(*LONG, "callbacks.checkpoint.every_n_steps=20", f"trainer.timeout={timeout}")
    directory.write_text(run / "config.yaml", yaml.safe_dump({"verb": "train", "config": settings}))
    process = subprocess.Popen(
        [sys.executable, "-m", "genlab", "_worker", str(run)], stdout=log.open("w"), stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 240
    while 1 not in ranks_of(run) or (how != "never comes" and len(checkpoint.steps(run / "checkpoints")) == 0):
        assert time.monotonic() < deadline, log.read_text()
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    os.kill(ranks_of(run)[1], signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    assert process.wait(timeout=timeout + 60) == 5, log.read_text()
    errors = [line for line in log.read_text().splitlines() if line.startswith("genlab: error:")]
    assert len(errors) == 1, log.read_text()
    assert "Traceback" not in log.read_text()
    assert ("rank 1 was killed by SIGKILL" if how == "killed" else "a rank is lost") in errors[0]
    assert ranks_of(run) == {}


@pytest.fixture
def of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is one of two ranks, as far as the environment says."""
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr(lost_ranks, "_started", [])


GLOO = "[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1234"


@pytest.mark.parametrize("said", [GLOO, "Application timeout caused pair closure"])
def test_a_failed_exchange_is_a_lost_rank(said: str, of_several: None) -> None:
    with pytest.raises(TrainingError, match=r"a rank is lost.*resume=RUN"), lost_ranks.ending(advice="resume=RUN"):
        raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="shapes"), lost_ranks.ending(advice=""):
        raise RuntimeError("shapes differ")


def test_a_failed_exchange_of_one_process_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(lost_ranks, "_started", [])
    with pytest.raises(RuntimeError), lost_ranks.ending(advice=""):
        raise RuntimeError(GLOO)


def test_ranks_that_were_all_asked_to_stop_have_stopped(of_several: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.process.signals.asked", signal.SIGUSR1)
    with pytest.raises(Interrupted) as stop, lost_ranks.ending(advice=""):
        raise RuntimeError(GLOO)
    assert stop.value.exit_code == 128 + signal.SIGUSR1


def test_no_process_is_left_even_a_stopped_one(of_several: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_ranks, "LINGER", 0.1)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child.send_signal(signal.SIGSTOP)
    with lost_ranks.ending(advice=""):
        lost_ranks._started[:] = [child]
    assert child.returncode == -signal.SIGKILL
