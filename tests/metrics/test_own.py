"""A metric is one class in one file, genlab's own or a user's: what its signature says is its config and its schema."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from genlab.commands import evaluate, train
from genlab.config import listing
from genlab.config.compose import compose
from genlab.config.schema import metrics as schema
from genlab.errors import ConfigError, TrainingError, TrustError
from genlab.metrics import METRICS
from genlab.signatures import described
from genlab.storage import checkpoint
from tests.own import own_package

QUIET = Console(quiet=True)
OWN = '''
from genlab.config.ranges import Positive
from genlab.metrics import Metric
from genlab.models.capabilities import GenerativeModel
from genlab.metrics.subject import record, samples


class MeanLevel(Metric):
    """Mean level of samples, times a factor."""

    needs = (GenerativeModel,)

    def __init__(self, *, n: Positive = 50, factor: float = 2.0) -> None:
        self.n = n
        self.factor = factor

    def compute(self, subject):
        drawn = samples(subject, self.n)
        if self.factor == 0:
            raise ZeroDivisionError("no factor")
        value = self.factor * drawn.double().mean().item()
        yield record(subject, "mean_level", value, unit="levels", n=self.n)
'''


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("histogram")
    for name in ("checkpoints", "samples"):
        (run / name).mkdir()
    words = ["model=histogram", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "logger=csv"]
    composed = compose("train", words)
    assert composed is not None
    train.run(run, composed.config, console=QUIET)
    return checkpoint.latest(run / "checkpoints")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a user's own, with one metric in one file."""
    return own_package(tmp_path, monkeypatch, {"mean_level.py": OWN})


def asked(*words: str) -> dict[str, Any]:
    composed = compose("eval", [*words, "accelerator=cpu"])
    assert composed is not None
    return composed.config


def test_a_users_own_metric_is_one_file(package: Path, ckpt: Path, tmp_path: Path) -> None:
    words = [f"ckpt={ckpt}", "metric=[nll,ownpackage.mean_level]", "trust=[ownpackage]"]
    config = asked(*words, "metric.mean_level.factor=3.0")
    assert config["metric"]["mean_level"] == {"_target_": "ownpackage.mean_level.MeanLevel", "n": 50, "factor": 3.0}
    assert "ownpackage" not in sys.modules  # its source was read, and nothing of it run
    evaluate.run(tmp_path, config, console=QUIET)
    found = {each["metric"]: each for each in json.loads((tmp_path / "summary.json").read_text())["records"]}
    assert list(found) == ["nll", "mean_level"]
    assert found["mean_level"]["n"] == 50
    assert 0 < found["mean_level"]["value"] < 3 * 16
    with pytest.raises(TrainingError, match=r"ownpackage.mean_level.MeanLevel: raised ZeroDivisionError: no factor"):
        evaluate.run(tmp_path, asked(*words, "metric.mean_level.factor=0.0"), console=QUIET)


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (["metric=[ownpackage.mean_level]"], TrustError, r"ownpackage.mean_level.MeanLevel.* add trust=\[ownpackage\]"),
        (["metric=[ownpackage.mean_levl]"], ConfigError, r"mean_levl: is no module that Python finds"),
        (["metric=[ownpackage.__init__]"], ConfigError, r"holds no class or function of that name"),
        (["metric.mean_level.n=0"], ConfigError, r"metric.mean_level.n: .*greater than 0 \(got 0\)"),
        (["+metric.mean_level.m=1"], ConfigError, r"unknown key metric.mean_level.m"),
        (["metric.mean_level._target_=genlab.data.digits"], ConfigError, r"genlab.data.digits is no metric"),
        (["metric.mean_level._target_=ownpackage.mean_level.record"], ConfigError, r"mean_level.record is no metric"),
    ],
)
def test_what_is_wrong_with_it_is_said_when_the_config_is_composed(
    words: list[str], kind: type[Exception], message: str, package: Path
) -> None:
    mine = [] if words[0].startswith("metric=") else ["metric=[ownpackage.mean_level]", "trust=[ownpackage]"]
    with pytest.raises(kind, match=message) as caught:
        asked(*mine, *words)
    assert len(str(caught.value).splitlines()) == 1
    assert "ownpackage" not in sys.modules


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("self, n: int = 1", "options are keyword-only"),
        ("self, **more: int", "options are keyword-only"),
        ("self, *, n=1", "the option n needs a type and a default"),
        ("self, *, n: int", "the option n needs a type and a default"),
        ("self, *, n: Tensor = 1", "n: Tensor is no type of an option"),
        ("self, *, n: int = len(sys.path)", r"the default of n is no plain value: len\(sys.path\)"),
    ],
)
def test_a_signature_that_says_no_options_is_refused(signature: str, message: str, package: Path) -> None:
    (package / "mean_level.py").write_text(
        f'class MeanLevel(Metric):\n    """About."""\n    def __init__({signature}):\n        pass\n'
    )
    with pytest.raises(ConfigError, match=message):
        asked("metric=[ownpackage.mean_level]", "trust=[ownpackage]")


def test_the_source_of_each_metric_says_what_its_class_does() -> None:
    held = described.held("genlab.metrics")
    assert list(held) == list(METRICS)
    for name, each in held.items():
        made = METRICS[name](**each.defaults())
        assert vars(made) == vars(METRICS[name]()) == each.defaults()
        assert (
            each.about == listing.choices("metric")[name] == (type(made).__doc__ or "").partition(".\n")[0].rstrip(".")
        )
        assert made.name == name
        schema.options(each).model_validate(each.defaults())
    with pytest.raises(ValidationError, match="greater than or equal to 4"):
        schema.options(held["js"]).model_validate({"resolution": 3})


def test_a_file_that_is_written_or_changed_later_is_found(package: Path) -> None:
    words = ["metric=[ownpackage.later]", "trust=[ownpackage]"]
    with pytest.raises(ConfigError, match="is no module that Python finds"):
        asked(*words)
    for n in (50, 70):
        (package / "later.py").write_text(OWN.replace("MeanLevel", "Later").replace("= 50", f"= {n}"))
        importlib.invalidate_caches()
        assert asked(*words)["metric"]["later"]["n"] == n
