"""The Python face does what the command line does, raises what it says, and leaves its caller's process alone."""

from __future__ import annotations

import asyncio
import builtins
import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import genlab
from genlab.cli.main import main
from genlab.errors import CheckpointError, ConfigError, TrustError
from genlab.launch import in_process
from genlab.launch.calling import called, words
from genlab.training.callbacks.checkpoints import Checkpoints

EARLIER = Path(__file__).parent.parent / "earlier"
TINY = ("model.hidden=[8]", "model.latent_dim=2", "data.batch_size=16", "callbacks.samples.n=4")
FEW = {"trainer": {"max_steps": 3, "accelerator": "cpu"}, "test.num_particles": 1, "logger": "csv"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> genlab.Run:
    monkeypatch.chdir(tmp_path)
    path = shutil.copytree(EARLIER / "vae", tmp_path / "outputs" / "train" / "vae-digits" / "run")
    return genlab.load(path, accelerator="cpu")


def state() -> list[object]:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    filters, where = list(warnings.filters), os.getcwd()
    return [sys.argv[:], sys.stdout, sys.stderr, handlers, filters, where, torch.get_rng_state().tolist()]


def test_training_twice_in_one_process_under_a_running_loop(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    before = state()

    async def cell() -> genlab.Run:
        return genlab.train("model=vae", "data=digits", *TINY, FEW)

    first, second = asyncio.run(cell()), asyncio.run(cell())
    assert state() == before
    assert capfd.readouterr() == ("", "")
    assert first.path != second.path
    assert first.path.parent == tmp_path / "outputs" / "train" / "vae-digits"
    assert first.summary["status"] == "finished"
    assert first.summary["steps"] == first.step == first.config["trainer"]["max_steps"] == 3
    assert first.sample(5).equal(second.sample(5))
    assert first.sample(5).shape == (5, 1, 8, 8)
    longer = first.resume("trainer.max_steps=4")
    assert (longer.path, longer.step) == (first.path, 4)
    assert capfd.readouterr() == ("", "")


def test_it_draws_what_the_command_line_draws(run, capsys):
    assert main(["sample", f"ckpt={run.path}", "n=3", "seed=5", "accelerator=cpu"]) == 0
    (made,) = Path("outputs/sample").glob("*/*/sample.npz")
    drawn = run.sample(3, seed=5)
    assert np.array_equal(np.load(made)["samples"], drawn.numpy())
    assert drawn.dtype == torch.uint8
    assert not drawn.equal(run.sample(3, seed=6))
    assert len(list(Path("outputs/sample").glob("*/*"))) == 1  # nothing more was written
    capsys.readouterr()
    written = genlab.sample(f"ckpt={run.path}", "n=3", "seed=5", "accelerator=cpu")
    assert np.array_equal(written.arrays["samples"], drawn.numpy())
    assert written.files["picture"].is_file()
    assert capsys.readouterr() == ("", "")


def test_it_scores_as_the_command_line_does(run, capfd):
    few = {"metric.nll.num_particles": 2}
    with pytest.warns(UserWarning, match="worse than noise"):  # what has to be known is no print
        nll, bpd = run.evaluate("nll", "bpd", few)
    assert capfd.readouterr() == ("", "")
    (made,) = run.path.parents[2].glob("eval/vae-digits/*/summary.json")
    assert f'"value": {nll.value}' in made.read_text()
    assert (nll.kind, nll.n, nll.num_particles, bpd.unit) == ("upper bound", 300, 2, "bits/dim")
    assert main(["eval", "--metric", "nll", "metric.nll.num_particles=2", "accelerator=cpu"]) == 0
    assert f"{nll.value:.4f}" in capfd.readouterr().out


def test_in_a_notebook_it_prints_text_when_asked_and_displays_nothing(run, monkeypatch, capsys):
    shown: list[object] = []
    display = ModuleType("IPython.display")
    display.display = lambda *found, **_: shown.extend(found)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    shell = type("ZMQInteractiveShell", (), {})()  # by whose name rich knows a notebook
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    few = {"metric.nll.num_particles": 1}
    with pytest.warns(UserWarning, match="worse than noise"):
        run.evaluate(few)
    assert (shown, capsys.readouterr().out) == ([], "")
    run.evaluate(few, quiet=False)
    assert shown == []
    assert "upper bound" in capsys.readouterr().out


def test_it_compares(run, capfd):
    made = genlab.compare(run, "metric=[nll]", {"accelerator": "cpu", "metric.nll.num_particles": 1, "n": 4})
    assert made.page.is_file()
    assert [row["run_dir"] for row in made.rows] == [str(run.path)]
    assert made.records["groups"][0]["rows"]
    assert capfd.readouterr().out == ""
    with pytest.raises(ConfigError, match="train them first"):
        genlab.compare("models=vae")
    shutil.rmtree(run.path / "checkpoints")
    (run.path / "checkpoints").mkdir()
    with pytest.raises(CheckpointError, match="none of the runs"):
        genlab.compare(run)


def test_a_run_has_its_model_and_data(run):
    assert isinstance(run.model, torch.nn.Module)
    assert not run.model.training
    assert run.model.sample(2).shape == (2, *run.spec.event_shape)
    assert len(run.data.test.x) == 300
    assert run.config["seed"] == 3
    assert repr(run) == f"Run({str(run.path)!r})"
    assert genlab.load().path == genlab.load(run.checkpoint).path == run.path


def test_faults_are_exceptions_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"model=va.*did you mean vae"):
        genlab.train("model=va")
    with pytest.raises(ConfigError, match=r"optim\.lr"):
        genlab.train({"optim": {"lr": "much"}})
    with pytest.raises(ConfigError, match="only on the command line"):
        genlab.train("trainer=ddp")
    with pytest.raises(ConfigError, match="command line"):
        genlab.train("-m", "seed=0,1")
    with pytest.raises(ConfigError, match="--help stands alone on a command line"):
        genlab.train("--help")
    with pytest.raises(ConfigError, match="nllx"):
        genlab.evaluate("nllx", "ckpt=last")
    with pytest.raises(CheckpointError, match="no training run"):
        genlab.load()
    with pytest.raises(ConfigError, match="choose from auto"):
        genlab.load(accelerator="tpu")
    assert not list(tmp_path.rglob("*"))


def test_trust_is_an_argument_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for word in ("trust=[mine]", "+trust=[mine]", {"trust": ["mine"]}):
        with pytest.raises(TrustError, match="as the argument"):
            genlab.train(word)
    with pytest.raises(TrustError, match="not on genlab's list"):
        genlab.train("model._target_=mine.Model")
    with pytest.raises(ConfigError, match="list of package names"):
        genlab.train(trust="mine")
    assert in_process.parsed("train", [], ["mine"]).overrides == ["trust=[mine]"]


def test_a_model_without_what_is_asked_for_says_so(run):
    with pytest.raises(ConfigError, match="not class-conditional"):
        run.sample(1, label=3)
    with pytest.raises(ConfigError, match=r"genlab\.sample for tasks"):
        run.sample(1, "task=reconstruct")


def test_settings_of_a_mapping_are_words():
    assert words(["a=1", {"b": {"c": 1e-5, "d": None}, "e.f": [1, "x", True], "g": "null", "h": "it's, so"}]) == [
        "a=1",
        "b.c=1e-05",
        "b.d=null",
        "e.f=[1,x,true]",
        "g='null'",
        r"h='it\'s, so'",
    ]
    assert words([{"prompt": 'it\'s, "so"', "x": {"prompt": None}}]) == ['prompt=it\'s, "so"', "x.prompt=null"]
    with pytest.raises(ConfigError, match="no setting"):
        words([3])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="k: a config holds"):
        words([{"k": object()}])


def test_ctrl_c_is_pythons_own_and_handlers_come_back():
    before = state()
    with pytest.raises(KeyboardInterrupt), called(quiet=True):
        os.kill(os.getpid(), signal.SIGINT)
    assert state() == before


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_training_leaves_a_run_that_goes_on(times, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, begin = state(), Checkpoints.on_train_start

    def start(*args: object) -> None:
        begin(*args)
        for _ in range(times):  # whoever asks twice stops at once what was called, not the caller's process
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Checkpoints, "on_train_start", start)
    with pytest.raises(KeyboardInterrupt):
        genlab.train(*TINY, FEW)
    assert state() == before
    monkeypatch.setattr(Checkpoints, "on_train_start", begin)
    assert genlab.load(accelerator="cpu").step == (1 if times == 1 else 0)
    if times == 1:
        assert genlab.train("resume=last").step == 3


def test_another_thread_can_call(run):
    found = []
    thread = threading.Thread(target=lambda: found.append(run.sample(2)))
    thread.start()
    thread.join()
    assert found[0].equal(run.sample(2))


def test_import_is_light_and_names_are_there():
    code = "import sys, genlab; from genlab import train, Run; assert set(genlab.__all__) <= set(dir(genlab)); "
    code += "print([m for m in ('torch', 'hydra', 'pytorch_lightning') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = genlab.nothing


USER = """
import genlab
from torch import Tensor, nn

run = genlab.load("last")
drawn: Tensor = run.sample(64)
model: nn.Module = run.model
values: list[float] = [each.value for each in run.evaluate("nll")]
run.sampel(3)
genlab.trian()
"""


def test_it_says_that_it_has_types():
    assert Path(genlab.__file__).with_name("py.typed").is_file()


@pytest.mark.slow
def test_a_users_code_is_checked_against_its_types(tmp_path):
    (tmp_path / "user.py").write_text(USER)
    words = ["user.py", "--no-error-summary", "--hide-error-context", "--follow-imports=silent"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    said = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert [line.partition("; ")[0] for line in said] == [
        'error: "Run" has no attribute "sampel"',
        'error: Module has no attribute "trian"',
    ]
