"""What Hydra and OmegaConf say, in one line that names the key and the way out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hydra.errors import MissingConfigException, OverrideParseException

from genlab.config import chosen, listing, schema
from genlab.config.hydra_loader import no_choice, unwrap
from genlab.config.schema import tasks
from genlab.errors import ConfigError, GenlabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hydra.core.override_parser.types import Override

ONE = {("train", "model"), ("train", "data"), ("sample", chosen.TASK)}
"""Config groups of commands that take one choice, no less and no more."""

OPTIONAL = ("experiment", "objective", "optim")
"""Config groups of which null means none."""

GIVEN = {"model": "name it with ckpt=RUN", "data": "data.root=FOLDER says where it lies now, if it has moved"}
"""What a command that works with a checkpoint takes from there, and what can be said instead."""

EXTRA = frozenset({"joblib", "optuna", "submitit_local", "submitit_slurm"})
"""Launchers and sweepers of the extra ``sweep``."""


def check_choices(verb: str, overrides: Sequence[Override]) -> None:
    """Refuse what is no choice of a config group, before Hydra stumbles over it.

    Raises:
        ConfigError: a group is set to something other than names, left out, or is none of this command's.
    """
    if verb == "sample":
        _check_options(overrides)
    for override in overrides:
        key, word = str(override.key_or_group), str(override.input_line)
        if not listing.is_group(key):
            continue
        options = list(listing.choices(key))
        if verb != "train" and key in GIVEN and not override.is_delete():
            raise ConfigError(f"{word}: {key}= is of genlab train; {verb} takes it from the checkpoint ({GIVEN[key]})")
        if override.is_delete():
            if (verb, key) in ONE:
                raise ConfigError(f"{word}: a run needs one; choose from {', '.join(options)}")
            continue
        if override.is_sweep_override():
            continue  # each job is told by itself
        value = override.value()
        if (verb, key) in ONE and isinstance(value, list):
            raise ConfigError(no_choice(key, word.partition("=")[2], options))  # one, not several
        for item in value if isinstance(value, list) else [value]:
            text = str(getattr(item, "text", item))
            if key in chosen.OWN:
                chosen.store_own(key, [text])
            if value is None and key in OPTIONAL:
                continue
            if not isinstance(getattr(item, "text", item), str) or "${" in text or len(text) > 100:
                shown = "null" if item is None else text if len(text) <= 60 else f"{text[:60]}..."
                raise ConfigError(no_choice(key, shown, options))


def _check_options(overrides: Sequence[Override]) -> None:
    """Refuse an option of another task than the one that is asked for.

    Raises:
        ConfigError: the message says whose it is.
    """
    asked = [override for override in overrides if str(override.key_or_group) == chosen.TASK]
    if any(override.is_delete() or override.is_sweep_override() for override in asked):
        return  # each job is told by itself
    name = str(asked[-1].value()) if asked else "sample"
    found = tasks.of(name)
    for override in overrides if found is not None else ():
        option = str(override.key_or_group)
        takers = tasks.takers(option)
        if takers and found is not None and option not in found.arguments:
            word = str(override.input_line).replace("'", "")  # around a path
            raise ConfigError(f"{word}: task={name} has no use for it; it is of task={takers}")


def translated(error: BaseException, known: Callable[[], list[str]], *, verb: str = "") -> GenlabError:
    """One of genlab's errors in place of one of Hydra's.

    Args:
        error: as raised.
        known: the keys that could have been meant.
        verb: of the command line.
    """
    inner = unwrap(error)
    if inner is not None:
        return inner
    if isinstance(error, OverrideParseException):
        return ConfigError(_not_parsed(error))
    if isinstance(error, MissingConfigException):
        return ConfigError(_missing_choice(error))
    key = _unknown_key(error)
    if key is not None:
        return ConfigError(unknown(key, known(), verb=verb))
    text = str(error)
    if text.startswith("Ambiguous value for argument"):
        word = text.split("'")[1]
        name, _, value = word.partition("=")
        return ConfigError(f"{word}: several values are a sweep, add -m; for one list write {name}=[{value}]")
    if text.startswith("Could not append to config"):
        return ConfigError(f"{text.splitlines()[1].split(': ', 1)[1]}: is there already; leave out the +")
    return ConfigError(_further(first_lines(error)) or first_lines(error))


def unknown(key: str, known: Sequence[str], *, verb: str) -> str:
    """The message for a key that there is not: which metric or command it is of, or what could have been meant."""
    group, _, rest = key.partition(".")
    metric = rest.partition(".")[0]
    if group == "metric" and metric in listing.choices("metric") and verb in {"eval", "compare"}:
        return f"{key}: is of a metric that is not asked for; add --metric {metric}"
    if verb == "sample" and tasks.takers(key) and key not in known:
        return f"{key}: is of task={tasks.takers(key)}, and another task is asked for"
    if key in known:
        return f"{key}: is null, so there is nothing to leave out or to add to; set it with {key}=VALUE"
    return f"unknown key {key}{schema.suggest(key, known, verb=verb)}"


def first_lines(error: BaseException) -> str:
    """The first lines of an exception and its cause, as one."""
    texts = [str(error)]
    if error.__cause__ is not None:
        texts.append(str(error.__cause__))
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("object_type=", "See http", "reference_type="))]
    return ": ".join(line.rstrip(".:") for line in lines[:3]) or type(error).__name__


def _not_parsed(error: OverrideParseException) -> str:
    word = str(error.override)
    shown = repr(word if len(word) <= 120 else f"{word[:120]}...")
    found = re.match(r"(mismatched|extraneous) input ('.*?') expecting", error.message)
    at = f" (unexpected {found[2]})" if found and found[2] != "'<EOF>'" else " (it is not closed)" if found else ""
    return f"{shown} cannot be parsed{at}; quote special characters: key=\"'a,b'\""


def _missing_choice(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file or "")
    group, _, value = missing.rpartition("/")
    if not missing:
        return first_lines(error)
    if not group:
        return f"no config named {missing!r} in the config folders"
    if group in {"hydra/launcher", "hydra/sweeper"} and value in EXTRA:
        return f"{group}={value}: not installed; pip install 'genlab[sweep]'"
    return no_choice(group, value, list(error.options or listing.choices(group)))


def _unknown_key(error: BaseException) -> str | None:
    text = str(error)
    for start in ("Could not override '", "Could not delete from config. '"):
        if text.startswith(start):
            return text.removeprefix(start).split("'", 1)[0]
    return None


def _further(text: str) -> str | None:
    """Sentences of Hydra's that name no way out, in words that do."""
    found = re.match(r"You must specify '([^']+)'", text)
    if found:
        return no_choice(found[1], "???", list(listing.choices(found[1])))
    found = re.match(r"Error merging override (.+): Cannot merge \w+Config with", text)
    if found:
        key, _, value = found[1].lstrip("+").partition("=")
        kind, right = (
            ("a list", f"{key}=[a,b]") if value.startswith("{") else ("a group of settings", f"{key}.NAME=VALUE")
        )
        return f"{found[1].strip()}: {key} is {kind}; write {right}"
    found = re.match(r"Multiple values for ([\w/]+)\. To override a value use 'override [\w/]+: (.*)'", text)
    if found:
        return f"+{found[1]}={found[2]}: there is one already; leave out the +"
    found = re.match(r"force-add of config groups is not supported: '\+\+(.*?)'", text)
    if found:
        return f"++{found[1]}: leave out the ++; {found[1].partition('=')[0]}=NAME replaces the choice"
    found = re.match(r"Could not delete '(.*)'\. No match in the defaults list", text)
    if found:
        return f"~{found[1]}: is not what is chosen; write ~{found[1].partition('=')[0]}"
    found = re.match(r"Could not delete from config\. The value of '([^']+)'", text)
    if found:
        return f"~{found[1]}: has another value; write ~{found[1]}"
    return None
