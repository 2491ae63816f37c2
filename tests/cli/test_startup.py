"""What a verb imports before it works: no more than it needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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
