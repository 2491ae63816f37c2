"""Tab completion: ``eval "$(genlab -sc install=bash)"``.

The shell calls ``genlab -sc query=bash`` with the line in ``COMP_LINE``. Verbs and flags are completed here; the
overrides of a verb by Hydra itself, which is shown the line without the verb and without genlab's flags.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from genlab.config import listing
from genlab.config.arguments import nearest
from genlab.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMON = ("--help", "--debug", "--multirun", "--config-dir", "--cfg", "--hydra-help")
_VALUED = ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--cfg", "-c", "--package", "-p")
_SHELLS = ("bash", "zsh", "fish")


def main(words: Sequence[str]) -> int:
    """Answer ``-sc install=SHELL``, ``-sc uninstall=SHELL`` or ``-sc query=SHELL``.

    Raises:
        ConfigError: anything else.
    """
    action, _, shell = words[0].partition("=") if len(words) == 1 else ("", "", "")
    if action not in {"install", "uninstall", "query"} or shell not in _SHELLS:
        shown = " ".join(words) or "nothing"
        raise ConfigError(
            f"-sc takes install=bash, uninstall=bash or query=bash (or zsh, fish), not {shown}{nearest(shell, _SHELLS)}"
        )
    if action != "query":
        _hydra("train", [], words[0])
        return 0
    line = os.environ.get("COMP_LINE", "")
    point = os.environ.get("COMP_POINT", "")
    answer = query(line[: int(point)] if point.isdigit() and shell == "bash" else line, words[0])
    if answer:
        print("\n".join(answer) if shell == "fish" else " ".join(answer))
    return 0


def query(line: str, request: str = "query=bash") -> list[str]:
    """What could stand at the end of ``line``; Hydra prints its own part, and then the list is empty."""
    from genlab.cli.verbs import VERBS

    words = line.split()[1:]
    last = "" if not words or line[-1].isspace() else words.pop()
    shown = [name for name, verb in VERBS.items() if not verb.hidden]
    if not words:
        return [name for name in [*shown, "--help", "--version"] if name.startswith(last)]
    verb, *rest = words
    if verb == "list":
        return [name for name in listing.GROUPS if name.startswith(last)]
    if verb not in shown:
        return []
    flags = VERBS[verb].flags
    if last.startswith("-"):
        return [name for name in [*(f"--{flag}" for flag in flags), *_COMMON] if name.startswith(last)]
    if rest and rest[-1].removeprefix("--") in listing.HELD and rest[-1].startswith("--"):
        return [name for name in listing.choices(rest[-1].removeprefix("--")) if name.startswith(last)]
    listed = _listed(verb, last)
    if listed is not None:
        return listed
    settings, passed = _split(rest, set(flags))
    os.environ["COMP_LINE"] = " ".join(["genlab", *settings, last])
    try:
        _hydra(verb, passed, request)
    except (Exception, SystemExit):
        return []  # the line so far is wrong, which Hydra tells in many ways: nothing may be printed into the prompt
    return []


def _listed(verb: str, last: str) -> list[str] | None:
    """``models=vae,re`` and ``data=di`` of compare, which are no choices of its own config; None for other words."""
    key, equals, value = last.partition("=")
    group = {"models": "model", "data": "data"}.get(key)
    if verb != "compare" or not equals or group is None:
        return None
    before, comma, part = value.rpartition(",") if key == "models" else ("", "", value)
    return [f"{key}={before}{comma}{name}" for name in listing.choices(group) if name.startswith(part)]


def _hydra(verb: str, flags: list[str], request: str) -> None:
    from genlab.config import compose

    compose.run_hydra(verb, [*flags, "--shell-completion", request], lambda _: None, quiet=False)


def _split(words: list[str], flags: set[str]) -> tuple[list[str], list[str]]:
    """A line's settings (with ``-m``, which changes how they are read), and the folder of configs of one's own."""
    settings: list[str] = []
    passed: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word in {"-m", "--multirun"}:
            settings.append(word)
        elif word in _VALUED or word.removeprefix("--") in flags:
            value = queue.pop(0) if queue else ""
            if word in {"--config-dir", "-cd"}:
                passed.append(f"--config-dir={value}")
        elif word.startswith("--config-dir="):
            passed.append(word)
        elif not word.startswith("-"):
            settings.append(word)
    return settings, passed
