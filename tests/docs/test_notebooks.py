"""The notebooks run from top to bottom, and hold no output of a run that nobody can repeat."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from tests.docs.pages import DOCS

NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
FEW = """"data=digits", {"trainer": {"max_steps": 3, "accelerator": "cpu"}, "test.num_particles": 1}"""


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [each for each in json.loads(path.read_text(encoding="utf-8"))["cells"] if each["cell_type"] == kind]


def test_there_is_one() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path: Path) -> None:
    assert all(each["outputs"] == [] and each["execution_count"] is None for each in cells(path, "code"))


@pytest.mark.filterwarnings("ignore:nll is worse than noise", "ignore:bpd is worse than noise")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = ["".join(each["source"]) for each in cells(path, "code")]
    assert any('"data=digits"' in text for text in texts)
    held: dict[str, Any] = {}
    last: object = None
    with mpl.rc_context({"backend": "agg"}):
        for number, text in enumerate(texts):
            few = re.sub(r"(num_particles\": )\d+", r"\g<1>2", text.replace('"data=digits"', FEW))
            *body, end = few.rstrip().split("\n")
            exec(compile("\n".join(body), f"{path.name}[{number}]", "exec"), held)
            try:
                last = eval(compile(end, f"{path.name}[{number}]", "eval"), held)
            except SyntaxError:
                exec(compile(end, f"{path.name}[{number}]", "exec"), held)
    assert last is True  # what was loaded draws what was trained
    assert held["pictures"].shape == (64, 1, 8, 8)
    assert held["nll"].num_particles == 2
    assert held["plt"].get_fignums()
    held["plt"].close("all")
