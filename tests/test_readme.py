"""README's commands compose, what trains is put together, and its example of a package of one's own trains."""

from __future__ import annotations

import functools
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from genlab import build
from genlab.cli.main import VERBS, main
from genlab.commands import parts
from genlab.config import compose, listing, schema, trust
from genlab.config.arguments import parse
from genlab.data import DataSpec
from genlab.errors import ConfigError, TrustError
from genlab.launch import comparison
from genlab.models.classical import Fitted

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
FILES = dict(re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
"""The files of the example: a path in backquotes and a colon, then its block."""

PLUGINS = ("hydra/launcher=", "hydra.launcher.", "hydra/sweeper=optuna", "hydra.sweeper.")


def commands():
    """The ``genlab`` command lines of README's shell blocks, in words."""
    lines = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
    return [words[1:] for words in (shlex.split(line, comments=True) for line in lines) if words[:1] == ["genlab"]]


COMMANDS = commands()


def test_there_are_commands_and_they_use_every_verb():
    shown = {name for name, verb in VERBS.items() if not verb.hidden}
    assert {words[0] for words in COMMANDS if not words[0].startswith("-")} == shown
    assert len(COMMANDS) > 30


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
        parts.module(config, model, num_batches=1)  # which lets the objective prepare the model


def spec_of(config):
    """The type of the data; only what is made and not read is made."""
    node = config["data"]
    name = node["_target_"].removeprefix("genlab.data.")
    if name in {"mnist", "fashion_mnist", "binarized_mnist"}:
        return DataSpec((1, 28, 28), 2 if name == "binarized_mnist" else 256, 10)
    if name == "cifar10":
        return DataSpec((3, 32, 32), 256, 10)
    if name == "celeba":
        return DataSpec((3, node["size"], node["size"]), 256, None if node["label"] is None else 2)
    if name in {"image_folder", "paired", "unpaired"}:
        layout = "single" if name == "image_folder" else name
        return DataSpec((node["channels"], node["size"], node["size"]), 256, layout=layout)
    return build.dataset(node, trust=config["trust"]).spec


def test_a_refusal_that_only_the_objective_knows_would_be_seen():
    words = ["model=dcgan", "data=mnist", "objective.loss=wasserstein_gp"]
    with pytest.raises(ConfigError, match=r"set model\.norm=layer"):
        put_together(compose.compose("train", words).config)


def has(config, key):
    for part in key.lstrip("+").split("."):
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return True


def write_example(folder):
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_the_example_of_a_package_trains_samples_and_evaluates(tmp_path):
    import os
    import subprocess
    import sys

    assert len(FILES) == 3
    write_example(tmp_path)
    mine = [words for words in COMMANDS if "trust=[mypackage]" in words]
    assert len(mine) >= 3
    script = str(Path(sys.executable).with_name("genlab"))
    for words in mine[:3]:
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
    (summary,) = tmp_path.glob("outputs/eval/factorised-stripes/*/summary.json")
    assert '"kind": "exact"' in summary.read_text()


def test_the_example_is_refused_without_trust(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_example(tmp_path)
    with pytest.raises(TrustError):
        compose.compose("train", ["--config-dir=myconfigs", "model=factorised", "data=stripes"])


def test_the_tables_of_readme_are_those_of_the_code():
    for group in ("model", "data", "trainer", "metric"):
        for name in listing.choices(group):
            assert re.search(rf"\b{name}\b", TEXT), f"README does not name {group}={name}"
    from genlab import errors

    for error in (errors.ConfigError, errors.DataError, errors.CheckpointError, errors.TrainingError, trust.TrustError):
        assert f"| {error.exit_code} |" in TEXT


def test_the_files_that_readme_names_exist():
    for path in re.findall(r"`((?:genlab|scripts|tests|configs)/[\w./-]+)`", TEXT):
        assert (ROOT / path.rstrip("/")).exists(), path
    for path in FILES:
        if path.endswith(".yaml"):
            assert isinstance(yaml.safe_load(FILES[path]), dict)


def test_the_markers_are_there_once():
    for name in ("results", "speed"):
        assert TEXT.count(f"<!-- {name} -->") == TEXT.count(f"<!-- /{name} -->") == 1


def test_all_targets_are_configured_by_a_file():
    held = "".join(path.read_text() for path in listing.config_dir().glob("*/*.yaml"))
    assert [target for target in schema.TARGETS if target not in held] == []
