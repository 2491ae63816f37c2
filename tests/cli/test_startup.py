"""What a verb imports before it works: no more than it needs."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EARLIER = Path(__file__).parent.parent / "earlier"
HEAVY = ("pytorch_lightning", "lightning_fabric", "torchmetrics", "torchvision", "sklearn", "tensorboard")
"""Libraries that sampling and the likelihood of digits do without; Lightning alone takes as long as PyTorch."""

CODE = f"""
import json, sys
from genlab.cli.main import main
for words in (["sample", "n=2"], ["eval", "--metric", "nll", "metric.nll.num_particles=1"]):
    assert main([*words, "accelerator=cpu"]) == 0, words
print(json.dumps([name for name in {HEAVY} if name in sys.modules]))
"""


def test_sampling_and_scoring_digits_import_no_lightning(tmp_path: Path) -> None:
    shutil.copytree(EARLIER / "vae", tmp_path / "outputs" / "train" / "vae-digits" / "run")
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def cpu(words: list[str], folder: Path) -> float:
    """Seconds of user and system time that a process takes, the least of three: another's load only adds to it."""
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], cwd=folder, env=environ, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["sample", "n=2"], ["eval", "--metric", "nll", "metric.nll.num_particles=1"]], ids=["sample", "eval"]
)
def test_digits_cost_little_more_than_pytorch(words: list[str], tmp_path: Path) -> None:
    """With their work, which is small here."""
    shutil.copytree(EARLIER / "vae", tmp_path / "outputs" / "train" / "vae-digits" / "run")
    most = 1.3 * cpu(["-c", "import torch"], tmp_path) + 1
    assert cpu(["-m", "genlab", *words, "accelerator=cpu"], tmp_path) <= most


def test_importing_genlab_imports_next_to_nothing() -> None:
    code = "import sys, genlab; print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
    heavy = [*HEAVY, "torch", "numpy", "hydra", "omegaconf", "pydantic", "rich"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
