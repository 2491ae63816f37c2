"""What a file may not say: one table.

A config file, a sweep's directory and ``hydra.sweeper.params`` may come from anywhere, and so they choose models, data
and numbers, and nothing that gives power over the machine: what is imported, where files are written, which run is
written on, where further files come from, how processes are started, what is read of the environment. `RULES` names
each such key with the values that a file may give it all the same; the person says the rest on the command line.

Not in the table, because files may say it: ``name`` (one plain folder name below ``outputs``, see
`genlab.runs.directory.check_name`), ``data.root``, ``input``, ``keep``, ``ckpt`` and ``runs`` (they are only read, and
verified; what is downloaded into ``data.root`` has a fixed name and checksum), ``logger``. A ``_target_`` has a list of
its own (`genlab.config.trust.check_target`). The working directory is nobody's to say: no command changes it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from genlab.errors import TrustError

LAUNCHERS = ("basic", "joblib", "submitit_local", "submitit_slurm")
SWEEPERS = ("basic", "optuna")
SAMPLERS = ("cmaes", "grid", "motpe", "nsgaii", "random", "tpe")

_WORD = re.compile(r"[\w.,:+@=&|-]*", re.ASCII)  # no space, quote, newline or $: schedulers write it into shell scripts
_REFERENCE = re.compile(r"\$\{(?:[\w.\[\]-]+|hydra:runtime\.choices\.\w+)\}", re.ASCII)
_WHATEVER = object()  # a value that no rule permits
_LITERALS: dict[str, Any] = {"[]": [], "null": None}


def _nothing(_: Any) -> bool:
    return False


def _one_of(*values: Any) -> Callable[[Any], bool]:
    return lambda value: any(type(value) is type(each) and value == each for each in values)


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float)) or _WORD.fullmatch(str(value)) is not None


def _settings(value: Any) -> bool:
    """Each key of ``hydra.sweeper.params`` is a setting of the jobs, and the table holds for it too."""
    if not isinstance(value, Mapping):
        return value is None
    return not any(_refusal(key, item) for name, item in value.items() for key in _keys(str(name)))


@dataclass(frozen=True)
class Rule:
    """One line of the table.

    Attributes:
        key: of a setting, a config group (``hydra/launcher``) or a flag; ``*`` stands for any characters.
        power: what it is over.
        permits: the values that a file may give it.
        example: a value that it may not.
    """

    key: str
    power: str
    permits: Callable[[Any], bool] = _nothing
    example: Any = "x"


RULES = (
    Rule("trust", "what may be imported", _one_of([]), ["subprocess"]),
    Rule("outputs", "where files are written", _one_of("outputs"), "/tmp/elsewhere"),
    Rule("output", "where files are written", _one_of(None), "/tmp/elsewhere"),
    Rule("resume", "which run is written on", _one_of(None), "/tmp/run"),
    Rule("settings", "another command line", _one_of([]), ["trust=[subprocess]"]),
    Rule("--multirun", "nothing by itself", _plain),
    Rule("--*", "where config files come from"),
    Rule("hydra/launcher", "how processes are started", _one_of(*LAUNCHERS), "slurm_elsewhere"),
    Rule("hydra/sweeper", "which settings are run", _one_of(*SWEEPERS), "other"),
    Rule("hydra/sweeper/sampler", "which settings are run", _one_of(*SAMPLERS), "other"),
    Rule("hydra/*", "what Hydra itself does"),
    Rule("hydra.*._*_", "what Hydra itself calls", example="subprocess.check_call"),
    Rule("hydra.sweeper.params", "the jobs' settings", _settings, {"+trust": "[subprocess]"}),
    *(
        Rule(f"hydra.sweeper.{name}", "how many jobs there are", _plain, "$(x)")
        for name in ("n_trials", "n_jobs", "direction", "max_batch_size", "max_failure_rate", "sampler.*")
    ),
    *(
        Rule(f"hydra.launcher.{name}", "a scheduler's script", _plain, "a\nrm b")
        for name in (
            *("n_jobs", "verbose", "timeout_min", "cpus_per_task", "gpus_per_node", "gpus_per_task", "cpus_per_gpu"),
            *("tasks_per_node", "mem_gb", "mem_per_gpu", "mem_per_cpu", "nodes", "partition", "qos", "constraint"),
            *("gres", "account", "array_parallelism"),
        )
    ),
    Rule("hydra.launcher.*", "how processes are started", example=["touch x"]),
    Rule("hydra.searchpath", "where config files come from", example=["pkg://antigravity"]),
    Rule("hydra.job.*", "the environment and working directory of jobs", example={"LD_PRELOAD": "x.so"}),
    Rule("hydra.run.*", "where files are written"),
    Rule("hydra.sweep.*", "where files are written"),
    Rule("hydra.callbacks.*", "what Hydra itself calls"),
    Rule("hydra.*", "what Hydra itself does"),
    Rule("hydra", "what Hydra itself does"),
)
"""The first rule that fits decides; a key that none fits is free."""

_WHOLE = {
    rule.key for rule in RULES if "*" not in rule.key and not any(o.key.startswith(f"{rule.key}.") for o in RULES)
}
"""Keys that are judged with all that is below them."""


def check(config: Mapping[str, Any], where: str) -> None:
    """Check the settings of one file, at any depth, and what they look up.

    Args:
        config: plain types, as the file has them, nothing resolved.
        where: the file, for the message.

    Raises:
        TrustError: the file says what it may not; the message names the key.
    """
    check_powers(config, where)
    for text in _texts(config):
        _check_references(text, where)


def check_powers(config: Mapping[str, Any], where: str) -> None:
    """As `check`, without what is looked up.

    Raises:
        TrustError: as `check`.
    """
    for key, value in _leaves(config, ""):
        _permit(key, value, where)


def check_choice(group: str, value: Any, package: str | None, where: str) -> None:
    """Check one line of a file's defaults list: the group, its choice and where in the config it goes.

    Raises:
        TrustError: as `check`.
    """
    _permit(group.strip("/"), value, where)
    if package is not None:
        _permit(package.removeprefix("_global_."), _WHATEVER, where)


def check_word(word: str, where: str) -> None:
    """Check one word of a command line that stands in a file: a setting, a choice or a flag.

    Raises:
        TrustError: as `check`.
    """
    name, _, text = word.partition("=")
    for key in _keys(name):
        _permit(key, _LITERALS.get(text, text), where)
    _check_references(text, where)


def key_of(word: str) -> str:
    """The key of a word of the command line, without ``+``, ``~`` and package: ``+trust=[x]`` sets ``trust``."""
    return _keys(word.partition("=")[0])[0]


def _keys(name: str) -> list[str]:
    """What a word's left side sets: ``+model@trust`` a model, in place of ``trust``."""
    return [part.removeprefix("_global_.") for part in re.split("[@:]", name.strip().lstrip("+~")) if part]


def _permit(key: str, value: Any, where: str) -> None:
    rule = _refusal(key, value)
    if rule is not None:
        raise TrustError(
            f"{where}: sets {_short(key)}, and a file may not say {rule.power}; nothing ran (use the command line)"
        )


def _refusal(key: str, value: Any) -> Rule | None:
    for rule in RULES:
        if fnmatch.fnmatchcase(key, rule.key):
            return None if rule.permits(value) else rule
        if key.startswith(f"{rule.key}."):  # a part of what is given as a whole
            return rule
    return None


def _leaves(config: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and key not in _WHOLE:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _check_references(text: str, where: str) -> None:
    """``${model.width}`` and ``${hydra:runtime.choices.model}`` are free; ``${NAME:...}`` calls a function."""
    left = text
    while (found := _REFERENCE.sub("", left)) != left:
        left = found
    if "${" in left:
        raise TrustError(
            f"{where}: {_short(text)} is more than a reference to another key, and a file may look up no more than "
            "that; nothing ran (write the value itself)"
        )


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
