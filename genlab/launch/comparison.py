"""``genlab compare RUN...``: which runs are meant, training them first where that is asked for, and the worker.

The work itself, scoring and writing the page, is `genlab.commands.compare`.
"""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab import __version__
from genlab.config import compose, schema
from genlab.config.arguments import Arguments, parse, quote
from genlab.config.trust import as_word
from genlab.errors import CheckpointError, ConfigError
from genlab.files import plainyaml
from genlab.launch import job_records, jobs, sweep
from genlab.launch import start as launch
from genlab.runs import directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERB = "compare"
RUNS = "runs.json"
"""What is compared, in the comparison's directory: one entry per run, those that never began among them."""

_LISTS = ("models", "seeds")
_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def start(words: Sequence[str], *, flags: Mapping[str, bool]) -> int:
    """Compare what ``words`` name; the exit status.

    Raises:
        ConfigError: nothing to compare, or a setting that cannot be.
        CheckpointError: a sweep's directory that is damaged.
    """
    composed, hydra = asked(words, flags=flags)
    if composed is None:
        return 0
    config = composed.config
    if config["models"]:
        sweep_dir, status = train(config, hydra)
        if (sweep_dir / jobs.STOP).exists():
            return status  # stopped by a signal; the sweep has said how to go on
        config["runs"] = [*config["runs"], str(sweep_dir)]
    return launch.work(written(words, config), trust=config["trust"])


def written(words: Sequence[str], config: dict[str, Any]) -> Path:
    """The directory of a new comparison, which says what is to be compared.

    Raises:
        ConfigError, CheckpointError: as `start`; nothing was created.
    """
    if not config["runs"]:
        raise ConfigError(
            "nothing to compare: name runs (genlab compare outputs/train/*/*), a sweep's directory, or models to train "
            "first (models=vae,realnvp data=digits budget=5min)"
        )
    found = entries(config["runs"])
    run_dir = directory.create(Path(config["outputs"]), VERB, _name(found)).resolve()
    directory.write_json(run_dir / RUNS, found)
    launch.write(run_dir, {"verb": VERB, "version": __version__, "overrides": list(words), "config": config})
    return run_dir


def asked(words: Sequence[str], *, flags: Mapping[str, bool]) -> tuple[compose.Composed | None, list[str]]:
    """The composed config, and the flags with which the training runs are to be composed too.

    Words without ``key=`` are runs; settings that are not of the comparison are those of the runs that it trains.

    Raises:
        ConfigError: a setting that cannot be.
    """
    parsed = parse(words, verb=VERB, flags=flags, plain=True)
    if parsed.multirun:
        raise ConfigError("-m: compare takes no sweep; it takes the runs of one: genlab compare SWEEP_DIR")
    own, settings = _sorted(parsed.overrides)
    if settings and not any(word.startswith("models=") for word in own):
        own, settings = parsed.overrides, []  # nothing is trained: Hydra says what is wrong with them
    own += [_listed("runs", [os.path.expanduser(word) for word in parsed.plain])] if parsed.plain else []
    hydra = [word for word in parsed.hydra if word.startswith("--config-")]
    composed = compose.compose(VERB, [*parsed.hydra, *own])
    if composed is not None:
        composed.config["settings"] = settings  # as they were typed: a file has none, and they refer to one another
    return composed, hydra


def train(config: Mapping[str, Any], hydra: Sequence[str]) -> tuple[Path, int]:
    """Train ``config["models"]`` one after the other, each for its share of the budget; the sweep and its exit status.

    Raises:
        ConfigError: a name or a setting that is wrong for all of the models; nothing was created.
    """
    common = shared(config)
    problems = []
    for model in config["models"]:
        try:
            composed = compose.capture("train", [*hydra, f"model={model}", *common])
        except ConfigError as error:
            raise ConfigError(f"models={model}: {error}") from error
        assert composed is not None
        try:
            schema.validate("train", composed.config)
        except ConfigError as error:
            problems.append(error)  # a pair that does not fit is a row of the table that says so
    if len(problems) == len(config["models"]):
        raise problems[0]
    names, seeds = config["models"], config["seeds"]
    share = None if config["budget"] is None else seconds(config["budget"]) / (len(names) * len(seeds))
    words = [f"model={','.join(names)}", f"seed={','.join(map(str, seeds))}", *common]
    arguments = Arguments(overrides=words, hydra=[*hydra, "--multirun"], multirun=True)
    sweep_dir = sweep.create("train", arguments, limit=share)
    return sweep_dir, sweep.run(sweep_dir)


def shared(config: Mapping[str, Any]) -> list[str]:
    """Settings of all runs that are trained, as ``genlab train`` takes them."""
    words = [*config["settings"], f"outputs={quote(config['outputs'])}"]
    words += as_word(config["trust"])
    words += [f"data.root={quote(config['root'])}"] if config["root"] else []
    words += [f"trainer.accelerator={config['accelerator']}"] if config["accelerator"] != "auto" else []
    return words


def seconds(budget: str | float) -> float:
    """``"90s"``, ``"5min"``, ``"1.5h"`` or a number of seconds.

    Raises:
        ConfigError: anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(budget).strip())
    if match is None or match[2] not in _UNITS or float(match[1]) == 0:
        raise ConfigError(f"budget={budget}: give seconds, minutes or hours: budget=90s, budget=5min, budget=1h")
    return float(match[1]) * _UNITS[match[2]]


def entries(words: Sequence[str]) -> list[dict[str, Any]]:
    """What the words name: run directories, globs, directories of runs, sweeps; each run once, in that order.

    Returns:
        One ``{"run_dir": path or None, "name": ..., "status": ..., "seconds": ..., "message": ...}`` per run; what a
        sweep does not know of a run is None.

    Raises:
        ConfigError: a word that names no training run.
        CheckpointError: a sweep's directory without a readable job.
    """
    found: dict[str, dict[str, Any]] = {}
    for word in words:
        paths = [word] if os.path.exists(word) else sorted(glob.glob(word))
        if not paths:
            raise ConfigError(f"{word}: no such run directory, and nothing matches it")
        below = [(path, entry) for path in paths for entry in _runs_of(Path(path).resolve())]
        if not below:
            raise ConfigError(f"{word}: holds no training run (a run directory holds {directory.CONFIG})")
        for path, entry in below:
            found.setdefault(entry["run_dir"] or f"{path}#{entry['name']}#{entry['seed']}", entry)
    return list(found.values())


def _runs_of(path: Path) -> Iterator[dict[str, Any]]:
    """A run itself, a sweep's jobs, or the runs below a directory, oldest first."""
    if (path / sweep.SWEEP).is_file():
        records = job_records.records(path)
        if not records:
            raise CheckpointError(f"{path}: is a sweep without a job that can be read")
        for record in records:
            words = dict(word.partition("=")[::2] for word in record.get("overrides", []))
            name = f"{words.get('model', 'job')}-{words.get('data', record['number'])}"
            known = {key: record.get(key) for key in ("run_dir", "status", "message")}
            known["seconds"] = record.get("trained", record.get("seconds"))
            yield {"name": name, "seed": words.get("seed"), **known}
    elif os.path.lexists(path / directory.CONFIG) or (path / directory.CHECKPOINTS).is_dir():  # whole or damaged
        if _verb(path) == "train":
            yield {"name": path.parent.name, "run_dir": str(path), "status": None, "seconds": None, "message": None}
    else:
        below = [
            config.parent for level in ("*", "*/*", "*/*/*") for config in path.glob(f"{level}/{directory.CONFIG}")
        ]
        for run in sorted(below, key=lambda run: (run.parent, run.name)):
            yield from _runs_of(run)


def _verb(run_dir: Path) -> str | None:
    try:
        held = plainyaml.read(run_dir / directory.CONFIG)
    except (OSError, plainyaml.UnreadableError):
        return "train"  # damaged: a row of the table that says so, not a run that is silently missing
    return held.get("verb") if isinstance(held, dict) else "train"


def _name(found: Sequence[Mapping[str, Any]]) -> str:
    """What the comparison's folder is called: the runs' common data, or ``mixed``."""
    data = {str(entry["name"]).rpartition("-")[2] for entry in found}
    name = data.pop() if len(data) == 1 else "mixed"
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".")[:100] or "mixed"


def _sorted(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Settings of the comparison, and those of the runs that it trains."""
    own: list[str] = []
    settings: list[str] = []
    for word in overrides:
        key, _, value = word.partition("=")
        key = key.lstrip("+")
        if key.partition(".")[0] == "settings":
            raise ConfigError(f"{key}: write the settings of the training runs as they are: models=vae optim.lr=1e-3")
        if key == "model":
            raise ConfigError(f"{word}: to train a model first, write models={value}")
        if key in _LISTS and not value.startswith("[") and value != "null":
            word = f"{key}=[{value}]"
        mine = key in schema.VERBS[VERB].model_fields or key.startswith("metric.")
        (own if mine else settings).append(word)
    return own, settings


def _listed(key: str, words: Sequence[str]) -> str:
    return f"{key}=[{','.join(map(quote, words))}]"
