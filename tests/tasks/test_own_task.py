"""A task is one class in one file, genlab's own or a user's: what its signature says is its config and its schema."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from rich.console import Console

import genlab
from genlab.cli import completion, usage
from genlab.cli.main import main
from genlab.cli.verbs import VERBS
from genlab.commands import sample, train
from genlab.config import listing
from genlab.config.compose import compose
from genlab.config.schema import metrics as schema
from genlab.config.schema.verbs import Sample
from genlab.errors import ConfigError, TrainingError, TrustError
from genlab.signatures.described import held
from genlab.storage import checkpoint
from genlab.tasks import TASKS, Task
from tests.own import own_package

QUIET = Console(quiet=True)
OWN = '''
from functools import partial

import torch

from genlab.config.ranges import PositiveFloat
from genlab.evaluation.artefacts.grids import grid
from genlab.evaluation.needs import pictures
from genlab.models.capabilities import GenerativeModel
from genlab.tasks import Drawn, Task


class FadeOut(Task):
    """Samples that get darker, one after the other.

    Args:
        factor: of the brightness, from one to the next.
    """

    needs = (GenerativeModel, pictures)

    def __init__(self, *, factor: PositiveFloat = 0.5, broken: bool = False) -> None:
        self.factor = factor
        self.broken = broken

    def draw(self, work):
        if self.broken:
            raise ZeroDivisionError("no light")
        c = work.conditions(64)
        drawn = work.in_blocks(
            work.n, lambda index, generator: {"faded": work.model.sample(len(index), c, generator=generator)}
        )
        fading = self.factor ** torch.arange(work.n).view(-1, *[1] * len(work.spec.event_shape))
        faded = (drawn["faded"] * fading).to(work.spec.dtype)
        shown = work.fitting(work.n)
        return Drawn(partial(grid, faded[:shown], work.spec), {"faded": faded.numpy()}, "samples that fade")
'''


def trained(folder: Path, *words: str) -> Path:
    for name in ("checkpoints", "samples"):
        (folder / name).mkdir()
    always = ["trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "logger=csv"]
    composed = compose("train", [*words, *always])
    assert composed is not None
    train.run(folder, composed.config, console=QUIET)
    return checkpoint.latest(folder / "checkpoints")


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("histogram"), "model=histogram")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a user's own, with one task in one file."""
    return own_package(tmp_path, monkeypatch, {"fade_out.py": OWN})


def asked(*words: str) -> dict[str, Any]:
    composed = compose("sample", [*words, "accelerator=cpu"])
    assert composed is not None
    return composed.config


def test_a_users_own_task_is_one_file(package: Path, ckpt: Path, tmp_path: Path) -> None:
    words = [f"ckpt={ckpt}", "task=ownpackage.fade_out", "trust=[ownpackage]", "n=5"]
    config = asked(*words, "factor=0.25")
    assert {"task": "ownpackage.fade_out", "factor": 0.25, "broken": False}.items() <= config.items()
    assert "temperature" not in config  # which is another task's
    assert "ownpackage" not in sys.modules  # its source was read, and nothing of it run
    paths = sample.run(tmp_path, config, console=QUIET)
    assert paths == {"arrays": tmp_path / "fade_out.npz", "picture": tmp_path / "fade_out.png"}
    with np.load(paths["arrays"]) as arrays:
        faded = arrays["faded"]
    assert faded.shape == (5, 1, 8, 8)
    assert faded[0].max() > 0
    assert (faded[4] == 0).all()
    with pytest.raises(TrainingError, match=r"ownpackage.fade_out.FadeOut: raised ZeroDivisionError: no light"):
        sample.run(tmp_path, asked(*words, "broken=true"), console=QUIET)


def test_it_is_drawn_from_python_too(package: Path, ckpt: Path, tmp_path: Path) -> None:
    said = {"task": "ownpackage.fade_out", "ckpt": ckpt, "outputs": tmp_path / "out", "accelerator": "cpu", "n": 3}
    made = genlab.sample(said, {"factor": 0.25}, trust=["ownpackage"])
    assert made.arrays["faded"].shape == (3, 1, 8, 8)
    assert made.files["picture"].name == "fade_out.png"
    with pytest.raises(TrustError, match=r"ownpackage.fade_out.FadeOut.* add trust=\[ownpackage\]"):
        genlab.sample(said)


def test_a_model_that_cannot_do_it_says_what_it_lacks_and_can(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    plane = trained(folder, "model=histogram", "data=toy2d")
    with pytest.raises(ConfigError, match=r"task=ownpackage.fade_out needs pictures; .* it can do sample$"):
        sample.run(tmp_path, asked(f"ckpt={plane}", "task=ownpackage.fade_out", "trust=[ownpackage]"), console=QUIET)


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (["task=ownpackage.fade_out"], TrustError, r"ownpackage.fade_out.FadeOut.* add trust=\[ownpackage\]"),
        (["task=ownpackage.fade_outt"], ConfigError, r"fade_outt: is no module that Python finds"),
        (["task=ownpackage.__init__"], ConfigError, r"holds no class or function of that name; .*\(Task\) into a file"),
        (["factor=0.0"], ConfigError, r"factor: .*greater than 0 \(got 0.0\)"),
        (["factr=0.1"], ConfigError, r"unknown key factr; did you mean factor\?"),
        (["+more=1"], ConfigError, r"unknown key more"),
        (["keep=top"], ConfigError, r"keep=top: task=ownpackage.fade_out has no use for it; it is of task=complete or"),
        (
            ["task=complete", "factor=0.1"],
            ConfigError,
            r"factor=0.1: task=complete has no use for it",
        ),
        (["task=complet"], ConfigError, r"task=complet: no such choice; .*did you mean complete\?"),
        (["task=[complete,sample]"], ConfigError, r"task=\[complete,sample\]: no such choice"),
        (["task=complete", "kep=left"], ConfigError, r"unknown key kep; did you mean keep\?"),
        (["task=sample", "+noise=0.1"], ConfigError, r"\+noise=0.1: task=sample has no use for it; .*denoise"),
        (["~task"], ConfigError, r"~task: a run needs one; choose from augment, colourise, complete, denoise"),
        (["+task=complete"], ConfigError, r"\+task=complete: there is one already; leave out the \+"),
    ],
)
def test_what_is_wrong_with_it_is_said_when_the_config_is_composed(
    words: list[str], kind: type[Exception], message: str, package: Path
) -> None:
    mine = [] if "task=" in words[0] or "~" in words[0] else ["task=ownpackage.fade_out", "trust=[ownpackage]"]
    with pytest.raises(kind, match=message) as caught:
        asked(*mine, *words)
    assert len(str(caught.value).splitlines()) == 1
    assert "ownpackage" not in sys.modules


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("self, much: int = 1", "options are keyword-only"),
        ("self, **more: int", "options are keyword-only"),
        ("self, *, much=1", "the option much needs a type and a default"),
        ("self, *, much: Tensor = 1", "much: Tensor is no type of an option"),
        ("self, *, n: int = 3", "the option n has the name of a setting of genlab sample"),
        ("self, *, seed: int = 3", "the option seed has the name of a setting of genlab sample"),
    ],
)
def test_a_signature_that_says_no_options_is_refused(signature: str, message: str, package: Path) -> None:
    (package / "fade_out.py").write_text(
        f'class FadeOut(Task):\n    """About."""\n    def __init__({signature}):\n        pass\n'
    )
    with pytest.raises(ConfigError, match=message):
        asked("task=ownpackage.fade_out", "trust=[ownpackage]")


def test_a_class_that_is_no_task_is_refused(package: Path, ckpt: Path, tmp_path: Path) -> None:
    (package / "fade_out.py").write_text('class FadeOut(dict):\n    """About."""\n    def __init__(self): pass\n')
    config = asked(f"ckpt={ckpt}", "task=ownpackage.fade_out", "trust=[ownpackage]")
    with pytest.raises(ConfigError, match=r"task=ownpackage.fade_out: .*FadeOut is no genlab.tasks.Task"):
        sample.run(tmp_path, config, console=QUIET)


def _kept(made: Task, names: Iterable[str]) -> dict[str, object]:
    """The options of a task as it has kept them, those in the record that tasks on inverse problems share included."""
    kept = dict(vars(made))
    together = kept.pop("asked", None)
    return kept if together is None else kept | {key: vars(together)[key] for key in names if key in vars(together)}


def test_the_source_of_each_task_says_what_its_class_does() -> None:
    tasks = held("genlab.tasks")
    assert list(tasks) == list(TASKS)
    for name, each in tasks.items():
        made = TASKS[name](**each.defaults())
        assert vars(made) == vars(TASKS[name]())
        assert _kept(made, each.arguments) == each.defaults()
        assert each.about == listing.choices("task")[name] == (type(made).__doc__ or "").partition("\n")[0].rstrip(".")
        assert set(each.notes) == set(each.arguments)
        assert set(type(made).needs_with) <= set(each.arguments)
        assert not set(each.arguments) & set(Sample.model_fields)
        schema.options(each).model_validate(each.defaults())
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        schema.options(tasks["traverse"]).model_validate({"steps": 1})


@pytest.mark.parametrize("name", listing.choices("task"))
def test_every_task_composes_with_its_own_options_alone(name: str) -> None:
    config = asked(f"task={name}")
    mine = held("genlab.tasks")[name].defaults()
    assert {"task": name, **mine}.items() <= config.items()
    assert set(config) == set(Sample.model_fields) | set(mine)


def test_list_help_and_completion_know_tasks_and_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "tasks"]) == 0
    shown = capsys.readouterr().out
    text = usage.verb("sample", VERBS["sample"])
    for name, each in held("genlab.tasks").items():
        assert f"  {name} " in shown
        assert each.about in shown
        for option, value in each.defaults().items():
            shown_value = value if isinstance(value, str) else json.dumps(value)
            (line,) = [line for line in text.splitlines() if re.match(rf"  {option}=.*\b{name}\b.*: ", line)]
            assert line.split()[0] == f"{option}={shown_value}"
    assert "temperature=1.0" in text
    assert "truncation=null" in text
    assert completion.query("genlab sample --task c") == ["colourise", "complete"]
    for line, found in (
        ("genlab sample task=compl", "task=complete"),
        ("genlab sample task=complete ke", "keep="),
        ("genlab sample tem", "temperature="),
    ):
        completion.query(line)
        assert capsys.readouterr().out.split() == [found]
