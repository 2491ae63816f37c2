"""Words of the command line to Hydra's words: flags become overrides, paths are quoted, the rest is refused.

Pure text work: nothing here imports Hydra, so a misspelt flag is told at once.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from genlab.errors import ConfigError, TrustError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATHS = frozenset({"ckpt", "resume", "outputs", "data.root", "root", "metric.ood.root", "input", "output", "keep"})
"""Keys whose value is a path: taken as it stands, whatever characters it holds."""

TEXTS = frozenset({"prompt"})
"""Keys whose value is any text: taken as it stands, quotes and commas too."""

_SWITCHES = {"-m": "--multirun", "-sc": "--shell-completion", "-r": "--run"}
_VALUED = {"-c": "--cfg", "-p": "--package", "-cd": "--config-dir", "-cp": "--config-path", "-cn": "--config-name"}
_CHOICES = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
_HYDRA = (*_SWITCHES.values(), "--hydra-help", "--resolve", *_VALUED.values(), "--info")
_SHOWS = frozenset({"--cfg", "--info", "--hydra-help", "--shell-completion"})


@dataclass(frozen=True)
class Arguments:
    """A verb's arguments, sorted: ``hydra`` are Hydra's own flags, ``overrides`` what they apply to."""

    overrides: list[str] = field(default_factory=list)
    hydra: list[str] = field(default_factory=list)
    multirun: bool = False
    shows: bool = False  # Hydra prints something and nothing runs
    resume: str | None = None  # the raw path
    plain: list[str] = field(default_factory=list)  # words that are no setting, for a verb that takes some

    def argv(self) -> list[str]:
        """As Hydra's own parser reads them: flags first, so that none splits the overrides."""
        return [*self.hydra, *self.overrides]


def parse(words: Sequence[str], *, verb: str, flags: Mapping[str, bool], plain: bool = False) -> Arguments:
    """Sort the words that follow a verb.

    Args:
        words: the command line after the verb.
        verb: for the messages.
        flags: documented flags by name; True for those that may be repeated (they become one list).
        plain: whether the verb takes words that are no ``key=value``: files, or what names some.

    Raises:
        ConfigError: an unknown flag, a flag without its value, or a word that is no ``key=value``.
        TrustError: ``--experimental-rerun``, which unpickles a file.
    """
    hydra: list[str] = []
    settings: list[str] = []
    names: list[str] = []
    lists: dict[str, list[str]] = {}
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-") or word == "-":
            named = plain and (("=" not in word and not word.startswith("~")) or os.path.exists(word))
            (names if named else settings).append(word)
            continue
        name, equals, value = word.partition("=")
        name = _SWITCHES.get(name, _VALUED.get(name, "--info" if name == "-i" else name))
        if name in _VALUED.values() or name.removeprefix("--") in flags:
            if not equals:
                if not queue:
                    raise ConfigError(f"{word} needs a value")
                value = queue.pop(0)
            key = name.removeprefix("--")
            if name in _VALUED.values():
                hydra.append(f"{name}={_checked(name, value)}")
            elif flags[key]:
                lists.setdefault(key, []).append(value)
            else:
                settings.append(f"{key}={value}")
        elif name == "--info":
            if not equals:
                value = queue.pop(0) if queue and queue[0] in _CHOICES["--info"] else "all"
            hydra.append(f"--info={_checked(name, value)}")
        elif name in _HYDRA and not equals:
            hydra.append(name)
        elif name == "--experimental-rerun":
            raise TrustError("--experimental-rerun would unpickle a file, which can run anything: use resume=RUN")
        else:
            raise ConfigError(_unknown(word, verb, flags))
    settings += [f"{key}=[{','.join(values)}]" for key, values in lists.items()]
    multirun = "--multirun" in hydra or "hydra.mode=MULTIRUN" in settings
    shows = [flag for flag in hydra if flag.partition("=")[0] in _SHOWS]
    if len(shows) + ("--multirun" in hydra) > 1:
        raise ConfigError(f"{' and '.join(shows)}: only one at a time, and not with -m")
    return Arguments(
        overrides=[_override(word, verb=verb, sweep=multirun) for word in settings],
        hydra=hydra,
        multirun=multirun,
        shows=bool(shows),
        resume=_resume(settings),
        plain=names,
    )


def quote(value: str) -> str:
    """``value`` as one string of Hydra's override grammar, whatever characters it holds."""
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{escaped[len(escaped) - trailing :]}'"


def nearest(word: str, names: Sequence[str]) -> str:
    """`` (did you mean vae?)`` for the nearest of ``names``, or nothing."""
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _quoted(value: str) -> bool:
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""


def _override(word: str, *, verb: str, sweep: bool) -> str:
    key, equals, value = word.partition("=")
    if "\0" in word:
        raise ConfigError(f"{key!r}: a NUL character can stand in no setting")
    if not equals or not key.strip("+~"):
        if word.strip("~") and word.startswith("~"):
            return word
        raise ConfigError(f"{word!r} is no setting: write key=value, for example model=vae (genlab {verb} --help)")
    if key.lstrip("+") in TEXTS and value != "null":
        return f"{key}={quote(_text(key, value))}"
    if key.lstrip("+") not in PATHS or value in {"null", "???"} or _quoted(value):
        return word
    value = os.path.expanduser(value)
    if sweep and "," in value and not os.path.exists(value):
        return word  # several paths to sweep over
    return f"{key}={quote(value)}"


def _text(key: str, value: str) -> str:
    if "${" in value or value == "???":
        what = "is ???, which stands for what is missing" if value == "???" else "holds ${, which looks up a setting"
        raise ConfigError(f"{key}: {what}; write another text")
    if not value.isprintable() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ConfigError(f"{key}: is no UTF-8; write it in a terminal of UTF-8")
    return value


def _resume(settings: Sequence[str]) -> str | None:
    value = None
    for word in settings:
        key, _, text = word.partition("=")
        if key.lstrip("+") == "resume":
            value = None if text == "null" else text[1:-1] if _quoted(text) else os.path.expanduser(text)
    return value


def _checked(name: str, value: str) -> str:
    choices = _CHOICES.get(name)
    if choices is not None and value not in choices:
        raise ConfigError(f"{name} {value}: choose from {', '.join(choices)}{nearest(value, choices)}")
    return value


def _unknown(word: str, verb: str, flags: Mapping[str, bool]) -> str:
    name = word.partition("=")[0]
    known = [f"--{flag}" for flag in flags] + [*_HYDRA, "--help", "--debug", "--version"]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    if name in near:
        return f"{name} stands alone on a command line"
    setting = name.lstrip("-") or "key"
    hint = f"did you mean {near[0]}?" if near else f"settings have no dashes: genlab {verb} {setting}=VALUE"
    return f"unknown flag {name}; {hint}"
