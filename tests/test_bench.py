"""The benchmarks' jobs are jobs that genlab has."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from genlab.config.compose import compose

PATH = Path(__file__).parent.parent / "scripts" / "bench_gpu.py"
SPEC = importlib.util.spec_from_file_location("bench_gpu", PATH)
assert SPEC is not None
assert SPEC.loader is not None
bench = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bench)


@pytest.mark.parametrize("cpu", [False, True])
@pytest.mark.parametrize("family", [*bench.MNIST, *bench.MORE])
def test_every_job_composes(family: str, cpu: bool) -> None:
    config = bench.composed(family, *bench.NEVER, "trainer.precision=bf16-mixed", args=Namespace(cpu=cpu))
    assert config["trainer"]["accelerator"] == ("cpu" if cpu else "gpu")


def test_every_section_is_of_known_jobs() -> None:
    for _, families in bench.SECTIONS.values():
        assert set(families) <= {*bench.MNIST, *bench.MORE}
    assert set(bench.TINY) <= {*bench.MNIST, *bench.MORE}


def other(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", PATH.with_name(f"bench_{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_job_on_one_core_composes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PATH.parent)
    for words in (*other("cpu").JOBS.values(), *other("sequences").JOBS.values()):
        assert compose("train", words) is not None


def test_every_benchmark_is_started_by_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = {path.stem.removeprefix("bench_") for path in PATH.parent.glob("bench_*.py")}
    monkeypatch.syspath_prepend(PATH.parent)
    first = importlib.import_module("bench")
    assert set(first.OTHERS) == scripts
    monkeypatch.setattr(first.sys, "argv", ["bench.py", "curves", "--help"])
    with pytest.raises(SystemExit) as ended:
        first.main()
    assert ended.value.code == 0


POINT = """
import bench_curves as curves
curves.SECONDS = 0
found = [curves.apart("VAE, 100 w hidden units", {**curves.BASE, "examples": count}) for count in (10, 100_000)]
assert found[1]["mb"] - found[0]["mb"] > 20, found  # 26 MB of pictures
assert 0 < min(each["ms"] for each in found), found
"""


def test_a_point_of_a_curve_has_a_process_of_its_own() -> None:
    subprocess.run([sys.executable, "-c", POINT], cwd=PATH.parent, check=True, timeout=240)
