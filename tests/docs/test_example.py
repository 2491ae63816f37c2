"""The site's example of a package of one's own trains, samples and evaluates, and is refused without trust."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from genlab.config import compose
from genlab.errors import TrustError
from tests.docs.pages import COMMANDS, FILES, write_example


def test_the_example_of_a_package_trains_samples_and_evaluates(tmp_path):
    assert len(FILES) == 6
    write_example(tmp_path)
    mine = [words for words in COMMANDS if "trust=[mypackage]" in words]
    assert len(mine) >= 4
    tasks = [words for words in mine if words[:2] == ["sample", "task=mypackage.fade_out"]]
    assert len(tasks) == 1
    script = str(Path(sys.executable).with_name("genlab"))
    for words in [*mine[:3], *tasks]:
        small = ["trainer.max_steps=2", "logger=csv", "trainer.accelerator=cpu"] if words[0] == "train" else []
        done = subprocess.run(
            [script, *words, *small],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    (summary,) = tmp_path.glob("outputs/eval/mypackage.factorised-mypackage.stripes/*/summary.json")
    assert '"kind": "exact"' in summary.read_text()
    assert len(list(tmp_path.glob("outputs/sample/mypackage.factorised-mypackage.stripes/*/fade_out.npz"))) == 1


def test_the_example_is_refused_without_trust(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_example(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TrustError):
        compose.compose("train", ["--config-dir=myconfigs", "model=factorised"])


def test_its_files_are_yaml():
    found = [yaml.safe_load(text) for path, text in FILES.items() if path.endswith(".yaml")]
    assert found
    assert all(isinstance(each, dict) for each in found)
