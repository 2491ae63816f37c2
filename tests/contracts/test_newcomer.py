"""What a newcomer touches: one file each for a model, an objective, a metric, a task and a data source, all outside."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GENLAB = str(Path(sys.executable).with_name("genlab"))

MODEL = '''
"""A model of a newcomer's own."""
import torch
from torch import nn

from genlab.config.ranges import PositiveFloat
from genlab.models.capabilities import ExactLikelihood


class Sprinkle(ExactLikelihood):
    """Independent pixels (one categorical distribution each)."""

    needs = ("one set", "image", "integers")

    def __init__(self, spec, *, scale: PositiveFloat = 0.01) -> None:
        super().__init__()
        self.spec = spec
        self.logits = nn.Parameter(scale * torch.randn(*spec.event_shape, spec.levels))

    def log_prob(self, x, c=None):
        table = self.logits.log_softmax(-1).expand(len(x), *self.logits.shape)
        return table.gather(-1, x.long()[..., None]).flatten(1).sum(1)

    def sample(self, n, c=None, *, generator=None):
        p = self.logits.softmax(-1).flatten(0, -2)
        drawn = torch.multinomial(p, n, replacement=True, generator=generator)
        return drawn.T.reshape(n, *self.spec.event_shape).to(self.spec.dtype)
'''
OBJECTIVE = '''
"""An objective of a newcomer's own."""
from genlab.config.ranges import PositiveFloat
from genlab.models.capabilities import ExactLikelihood
from genlab.objectives.base import Loss, Objective


class Scaled(Objective):
    """Maximum likelihood, times a factor."""

    needs = (ExactLikelihood,)

    def __init__(self, *, factor: PositiveFloat = 2.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, model, batch, *, step):
        nll = -model.log_prob(batch.x).mean()
        return Loss(self.factor * nll, {"nll": nll.detach()})
'''
METRIC = '''
"""A metric of a newcomer's own."""
from genlab.config.ranges import Positive
from genlab.metrics import Metric
from genlab.metrics.subject import record, samples
from genlab.models.capabilities import GenerativeModel


class Brightness(Metric):
    """Mean level of samples."""

    needs = (GenerativeModel,)
    better = "lower"

    def __init__(self, *, n: Positive = 50) -> None:
        self.n = n

    def compute(self, subject):
        yield record(subject, "brightness", samples(subject, self.n).double().mean().item(), unit="levels", n=self.n)
'''
DATA = '''
"""A data source of a newcomer's own."""
import torch

from genlab.config.ranges import Positive, Seed
from genlab.data import Dataset, DataSpec, Split

gives = ("one set", "image", "integers", "binary")


def stripes(*, num: Positive = 200, seed: Seed = 0) -> Dataset:
    """8x8 pictures, black but for one white row."""
    generator = torch.Generator().manual_seed(seed)

    def split(n):
        x = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
        x[torch.arange(n), 0, torch.randint(8, (n,), generator=generator)] = 1
        return Split(x)

    spec = DataSpec((1, 8, 8), 2)
    return Dataset(name="stripes", spec=spec, train=split(num), val=split(50), test=split(60))
'''
TASK = '''
"""A task of a newcomer's own."""
from functools import partial

from genlab.config.ranges import PositiveFloat
from genlab.evaluation.artefacts.grids import grid
from genlab.models.capabilities import GenerativeModel
from genlab.tasks import Drawn, Task


class Fade(Task):
    """Samples, darker by a factor."""

    needs = (GenerativeModel,)

    def __init__(self, *, factor: PositiveFloat = 0.5) -> None:
        self.factor = factor

    def draw(self, work):
        drawn = work.in_blocks(work.n, lambda index, g: {"faded": work.model.sample(len(index), generator=g)})
        faded = (self.factor * drawn["faded"]).to(work.spec.dtype)
        return Drawn(partial(grid, faded[: work.fitting(work.n)], work.spec), {"faded": faded.numpy()}, "faded")
'''
YAML = """# @package _global_
# Independent pixels, of a newcomer's own
defaults:
  - override /objective: newcomer.scaled
  - override /optim: adam
model:
  _target_: newcomer.sprinkle.Sprinkle
"""
HELPER = '''
"""What the newcomer's parts use, and no part itself."""
from torch import nn


class Network(nn.Sequential):
    """Two layers."""

    def __init__(self, inputs, outputs):
        super().__init__(nn.Linear(inputs, outputs), nn.Linear(outputs, outputs))
'''
FILES = {
    "newcomer/__init__.py": "",
    "newcomer/sprinkle.py": MODEL,
    "newcomer/scaled.py": OBJECTIVE,
    "newcomer/brightness.py": METRIC,
    "newcomer/stripes.py": DATA,
    "newcomer/fade.py": TASK,
    "newcomer/network.py": HELPER,
    "configs/model/sprinkle.yaml": YAML,
}
TRUST = "trust=[newcomer]"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of a newcomer's own and one config file."""
    folder = tmp_path_factory.mktemp("home")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def genlab(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The console script, in the newcomer's folder."""
    env = {**os.environ, "PYTHONPATH": str(home), "CUDA_VISIBLE_DEVICES": "", "GENLAB_CACHE": str(home / "cache")}
    return subprocess.run([GENLAB, *words], cwd=home, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def run(home: Path) -> Path:
    """A run of the newcomer's model, objective and data, with the metric in its validation."""
    words = ["model=newcomer.sprinkle", "objective=newcomer.scaled", "data=newcomer.stripes", TRUST]
    words += ["objective.factor=3.0", "data.num=100", "trainer=cpu", "trainer.max_steps=20", "logger=csv"]
    done = genlab(home, "train", *words, "validation.metrics=[newcomer.brightness]", "validation.max_examples=20")
    assert done.returncode == 0, done.stderr
    assert "validation       brightness" in done.stdout
    (found,) = home.glob("outputs/train/*/*/")
    return found


def test_they_train(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["steps"] == 20
    assert summary["test"]["kind"] == "exact"
    assert summary["test"]["value"] < 64 * np.log(2)  # of noise
    assert [each["metric"] for each in summary["validation"]] == ["brightness"]


def test_they_evaluate_sample_and_compare(home: Path, run: Path) -> None:
    metric = "metric=[nll,newcomer.brightness]"
    done = genlab(home, "eval", f"ckpt={run}", metric, "metric.brightness.n=20", TRUST)
    assert done.returncode == 0, done.stderr
    (path,) = home.glob("outputs/eval/*/*/summary.json")
    found = {each["metric"]: each for each in json.loads(path.read_text())["records"]}
    assert found["brightness"]["n"] == 20
    assert 0 < found["brightness"]["value"] < 1

    done = genlab(home, "sample", f"ckpt={run}", "task=newcomer.fade", "factor=0.9", "n=9", TRUST)
    assert done.returncode == 0, done.stderr
    (arrays,) = home.glob("outputs/sample/*/*/*fade.npz")
    assert np.load(arrays)["faded"].shape == (9, 1, 8, 8)
    assert arrays.with_suffix(".png").stat().st_size > 0

    done = genlab(home, "compare", str(run), metric, "metric.brightness.n=20", TRUST)
    assert done.returncode == 0, done.stderr
    (page,) = home.glob("outputs/compare/*/*/*.html")
    assert "brightness" in page.read_text()
    assert "sprinkle" in done.stdout


def test_a_file_of_settings_makes_them_a_choice_like_any_other(home: Path) -> None:
    words = ["--config-dir=configs", "model=sprinkle", "trainer=cpu", "trainer.max_steps=2", "logger=csv", TRUST]
    done = genlab(home, "train", *words, "model.scale=0.5", "optim=sgd", "outputs=others")  # on genlab's own data
    assert done.returncode == 0, done.stderr
    (path,) = home.glob("others/train/sprinkle-digits/*/config.yaml")
    assert "_target_: newcomer.scaled.Scaled" in path.read_text()


SILENT = """
from genlab.models.capabilities import ExactLikelihood


class Silent(ExactLikelihood):
    def __init__(self, spec):
        super().__init__()
        self.spec = spec

    def log_prob(self, x, c=None):
        return x.sum(1)
"""
NUMBER = """
from genlab.metrics import Metric


class Number(Metric):
    def compute(self, subject):
        yield 3.0
"""
MAPPING = """
from genlab.tasks import Task


class Mapping(Task):
    def draw(self, work):
        return {"x": 3}
"""


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["train", "model=newcomer.silent", "data=toy2d"], 2, "Silent promises sample by its bases: define it"),
        (["eval", "metric=[newcomer.number]"], 5, "compute gave a float, not a Record"),
        (["sample", "task=newcomer.mapping"], 5, "draw gave a dict, not a genlab.tasks.Drawn"),
    ],
)
def test_what_their_parts_leave_out_is_no_bug_of_genlabs(
    words: list[str], status: int, message: str, home: Path, run: Path
) -> None:
    for name, text in {"silent": SILENT, "number": NUMBER, "mapping": MAPPING}.items():
        (home / f"newcomer/{name}.py").write_text(text)
    done = genlab(home, *words, *([] if words[0] == "train" else [f"ckpt={run}"]), TRUST)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "a bug in genlab" not in done.stderr


def test_the_end_of_a_run_names_a_command_that_may_load_it(home: Path) -> None:
    few = ["trainer=cpu", "trainer.max_steps=2", "logger=csv", "outputs=next"]
    done = genlab(home, "train", "model=newcomer.sprinkle", *few, TRUST)
    assert done.returncode == 0, done.stderr
    words = shlex.split(next(line for line in done.stdout.splitlines() if line.startswith("next ")))[1:]
    assert words[:2] == ["genlab", "sample"]
    assert words[-1] == TRUST
    assert genlab(home, *words[1:], "n=4", "outputs=next").returncode == 0


def test_they_are_listed(home: Path) -> None:
    done = genlab(home, "list", "newcomer")
    assert done.returncode == 0, done.stderr
    for name in ("sprinkle", "scaled", "brightness", "stripes", "fade"):
        assert f"  newcomer.{name}  " in done.stdout
    assert "models of newcomer  (model=NAME)" in done.stdout
    assert "network" not in done.stdout
    assert "metrics" not in genlab(home, "list", "models", "newcomer").stdout
    done = genlab(home, "list", "newcomr")
    assert done.returncode == 2
    assert "or name a package of yours" in done.stderr


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["model=newcomer.sprinkle"], 6, "add trust=[newcomer]"),
        (["model=newcomer.sprinkl", TRUST], 2, "is no module that Python finds"),
        (["model=newcomer.sprinkle", "data=toy2d", TRUST], 2, "model=sprinkle needs images"),
        (["data=newcomer.stripes", "data.num=0", TRUST], 2, "data.num: input should be greater than 0"),
        (
            ["objective=newcomer.scaled", "model=vae", TRUST],
            2,
            "needs a model that is ExactLikelihood",
        ),
        (["model=newcomer.sprinkle", "model.scal=1.0", TRUST], 2, "did you mean model.scale?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: list[str], status: int, message: str, home: Path) -> None:
    done = genlab(home, "train", *words, "outputs=never")
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (home / "never").exists()
