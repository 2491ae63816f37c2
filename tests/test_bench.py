"""The benchmarks' jobs are jobs that genlab has."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from pathlib import Path

import pytest

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
