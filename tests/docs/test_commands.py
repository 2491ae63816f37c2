"""The commands of README and of the site compose, what trains is put together, and the Python lines run."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import pytest

from genlab import build
from genlab.cli.main import VERBS, main
from genlab.commands import assembly
from genlab.config import compose
from genlab.config.arguments import parse
from genlab.data import DataSpec
from genlab.data.spaces import Frames, Tokens, Video, Waveform
from genlab.errors import ConfigError
from genlab.launch import comparison
from genlab.models.classical.base import Fitted
from tests.docs.pages import COMMANDS, PAGES, blocks, write_example

PLUGINS = ("hydra/launcher=", "hydra.launcher.", "hydra/sweeper=optuna", "hydra.sweeper.")


def test_there_are_commands_and_they_use_every_verb():
    shown = {name for name, verb in VERBS.items() if not verb.hidden}
    assert {words[0] for words in COMMANDS if not words[0].startswith("-")} == shown
    assert len(COMMANDS) > 80


def settings_of_a_sweep(overrides):
    """One list of overrides for each value of each swept key, and nothing of Hydra's plugins."""
    fixed, swept = [], []
    for override in compose.parse_overrides([word for word in overrides if not word.startswith(PLUGINS)]):
        if not override.is_sweep_override():
            fixed.append(override.input_line)
        elif override.is_discrete_sweep():
            swept += [f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()]
        else:
            swept += [f"{override.key_or_group}={bound}" for bound in (override.value().start, override.value().end)]
    return [[*fixed, word] for word in swept]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_is_right(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_example(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    verb, *rest = words
    if verb == "list" or verb.startswith("-"):
        assert verb == "list" or verb == "-sc"
        assert verb == "-sc" or main(words) == 0
        return
    parsed = parse(rest, verb=verb, flags=VERBS[verb].flags, plain=verb == "compare")
    if parsed.shows:
        assert main(words) == 0
        return
    overrides = [word for word in parsed.overrides if not word.startswith("resume=")]
    if verb == "compare":
        found, hydra = comparison.asked(rest, flags=VERBS[verb].flags)
        assert found is not None
        assert found.config["models"] or found.config["runs"]
        for model in found.config["models"] or ():
            assert compose.compose("train", [*hydra, f"model={model}", *comparison.shared(found.config)]) is not None
        return
    assert parsed.resume is None or verb == "train"
    hydra = [word for word in parsed.hydra if word != "--multirun"]
    jobs = settings_of_a_sweep(overrides) if parsed.multirun else [overrides]
    assert jobs
    for job in jobs:
        found = compose.compose(verb, [*hydra, *job])
        assert found is not None
        for word in job:
            key = word.partition("=")[0]
            assert "." not in key or has(found.config, key), f"{key} is not in the config"
        if verb == "train":
            monkeypatch.syspath_prepend(tmp_path)
            put_together(found.config)


def put_together(config):
    """What stands before the first step of training, without its data: a pair that cannot be is refused here."""
    needed = ("data", "model", "objective", "optim", "players", "seed", "trainer", "callbacks", "trust")
    _put_together(json.dumps({key: config[key] for key in needed}))


@functools.cache
def _put_together(text):
    config = json.loads(text)
    model = build.model(config["model"], spec_of(config), trust=config["trust"])
    if not isinstance(model, Fitted):
        assembly.module(config, model, num_batches=1)  # which lets the objective prepare the model


def spec_of(config):
    """The type of the data; only what is made and not read is made."""
    node = config["data"]
    name = node["_target_"].removeprefix("genlab.data.")
    if name in {"mnist", "fashion_mnist", "binarized_mnist"}:
        return DataSpec((1, 28, 28), 2 if name == "binarized_mnist" else 256, 10)
    if name == "static_mnist":
        return DataSpec((1, 28, 28), 2)
    if name == "cifar10":
        return DataSpec((3, 32, 32), 256, 10)
    if name == "celeba":
        return DataSpec((3, node["size"], node["size"]), 256, None if node["label"] is None else 2)
    if name == "arrays":
        assert node["kind"] == "vector"
        return DataSpec((2,), None)
    if name == "lines" or (name == "sources.text.text" and (node["root"] or node["known"])):
        return DataSpec(space=Tokens(node.get("length", 16), 27, ragged=name == "lines"))
    if name in {"audio", "spoken_digits"}:
        space = Waveform(node["length"] or 9000, 1, node["levels"], 8000, companding=node["companding"], ragged=True)
        return DataSpec(space=space, num_classes=10)
    if name in {"music", "jsb_chorales", "nottingham"}:
        return DataSpec(space=Frames(16, 88, 2))
    if name == "moving_digits":
        space = Video(node["frames"], 1, node["size"], node["size"], 17 if node["source"] == "digits" else 256)
        return DataSpec(space=space, condition=replace(space, frames=node["past"]))
    if name == "radar":
        space = Video(node["frames"], 1, node["size"], node["size"], 256, measure="rain", minutes=5.0)
        return DataSpec(space=space, condition=replace(space, frames=node["past"]))
    if name in {"image_folder", "paired", "unpaired"}:
        layout = "single" if name == "image_folder" else name  # which may have a subfolder for each class
        classes = 2 if layout == "single" else None
        return DataSpec((node["channels"], node["size"], node["size"]), 256, classes, layout=layout)
    return build.dataset(node, trust=config["trust"]).spec


def test_a_refusal_that_only_the_objective_knows_would_be_seen():
    words = ["model=dcgan", "data=mnist", "objective.loss=wasserstein_gp"]
    with pytest.raises(ConfigError, match=r"set model\.norm=layer"):
        put_together(compose.compose("train", words).config)


def has(config, key):
    key = key.partition("@")[2] or key  # optim@players.generator=adamw chooses what is there
    for part in key.lstrip("+").split("."):
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return True


PYTHON = [(name, block) for name in PAGES for block in blocks(name, "python")]


@pytest.mark.parametrize(("name", "block"), PYTHON, ids=[f"{name}-{n}" for n, (name, _) in enumerate(PYTHON)])
@pytest.mark.filterwarnings("ignore:.*worse than noise")
def test_python_runs(name, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = block.replace("range(300)", "range(3)")
    few = few.replace(
        '"data=digits"', '"data=digits", "data.batch_size=1000", "trainer.max_epochs=1", "model.hidden=[8]"'
    )
    few = few.replace('"max_epochs": 201', '"max_epochs": 2')
    few = few.replace("compare(run, baseline)", 'compare(run, baseline, "metric=[nll]", "metric.nll.num_particles=2")')
    assert few != block
    held: dict = {}
    exec(compile(few, name, "exec"), held)
    assert held["pictures"].shape[1:] == (1, 8, 8)
