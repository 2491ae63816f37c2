"""A signal ends what runs, whoever stands between: nothing takes it for a fault and goes on."""

from __future__ import annotations

import ast
import os
import pickle
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

import genlab
from genlab.cli import main, verbs
from genlab.commands import compare, evaluate
from genlab.errors import Interrupted
from genlab.process import signals


@pytest.fixture
def working(monkeypatch):
    """Let ``genlab list`` do something else."""

    def make(work):
        monkeypatch.setitem(main.VERBS, "list", verbs.Verb("", lambda verb, words: work() or 0))

    return make


def send(signum):
    os.kill(os.getpid(), signum)


def test_an_interruption_is_no_error_and_survives_being_rebuilt():
    error = Interrupted("stopped", signum=signal.SIGHUP)
    assert not isinstance(error, Exception)
    assert pickle.loads(pickle.dumps(error)).exit_code == error.exit_code == 129
    assert isinstance(type(error)(str(error)), Interrupted)


def test_a_comparison_does_not_go_on_after_a_signal(monkeypatch, tmp_path):
    def stopped(*_, **__):
        raise Interrupted("stopped by SIGTERM", signum=signal.SIGTERM)

    monkeypatch.setattr(compare, "Scores", stopped)
    run = SimpleNamespace(error=None, path=tmp_path, notes=())
    with pytest.raises(Interrupted):
        compare.scored(run, {"metric": {}}, spare=tmp_path, console=Console(quiet=True))


def rewritten(*_, **__):
    """A library's code that makes an error of its own of a signal."""
    try:
        send(signal.SIGTERM)
    except BaseException as error:
        raise RuntimeError("a callback failed") from error


def test_a_comparison_does_not_go_on_after_an_error_that_is_a_signal(monkeypatch, tmp_path):
    monkeypatch.setattr(compare, "Scores", rewritten)
    run = SimpleNamespace(error=None, path=tmp_path, notes=())
    with signals.raising(), pytest.raises(Interrupted, match="SIGTERM"):
        compare.scored(run, {"metric": {}}, spare=tmp_path, console=Console(quiet=True))


def test_no_metric_follows_an_error_that_is_a_signal():
    metric = SimpleNamespace(compute=rewritten, shared=False)
    subject = SimpleNamespace(split_name="test", config={"metric": {}, "devices": 1})
    with signals.raising(), pytest.raises(Interrupted, match="SIGTERM"):
        evaluate.score(subject, {"nll": metric, "bpd": metric}, failed={})


@pytest.mark.parametrize("signum", signals.STOPPING)
def test_an_error_that_a_library_makes_of_a_signal_is_the_signal(signum, working, capsys):
    def work():
        try:
            send(signum)
        except BaseException as error:
            raise ValueError("cannot import name x") from error

    working(work)
    assert main.main(["list"]) == 128 + signum
    assert capsys.readouterr().err == f"genlab: error: stopped by {signum.name}\n"


def test_what_nohup_ignores_stays_ignored(working):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        working(lambda: send(signal.SIGHUP))
        assert main.main(["list"]) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_are_given_back(working):
    before = [signal.getsignal(signum) for signum in signals.STOPPING]
    working(lambda: None)
    assert main.main(["list"]) == 0
    assert [signal.getsignal(signum) for signum in signals.STOPPING] == before


def test_nothing_but_the_command_line_catches_it():
    # `except Exception` and `except GenlabError` do not; who catches more, to clean up, raises again
    catching = []
    for path in Path(genlab.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = "" if node.type is None else ast.unparse(node.type)
            again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if (node.type is None or re.search(r"\b(BaseException|Interrupted)\b", caught)) and not again:
                catching.append((path.name, caught))
    assert catching == [("main.py", "(Interrupted, KeyboardInterrupt)")]
