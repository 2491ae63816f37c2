"""The command that a sweep's directory holds, and what of it counts when the sweep is resumed.

``sweep.json`` may have been written by anybody, so its words are a file's words: `genlab.config.forbidden` says which
of them have to be typed again (``trust=``, ``--config-dir``, most of ``hydra.*``). Paths are made absolute when a sweep
is made; nothing in the file changes where a command runs.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from genlab.config import compose, forbidden, schema
from genlab.config.arguments import PATHS, Arguments, parse, quote
from genlab.config.forbidden import key_of
from genlab.errors import CheckpointError, ConfigError, TrustError
from genlab.launch import jobs
from genlab.runs import directory

SWEEP = "sweep.json"


def placed(word: str) -> str:
    """A setting that means the same in every working directory: the paths in it made absolute."""
    if key_of(word) not in PATHS:
        return word
    (override,) = compose.parse_overrides([word])
    value = override.value()
    values = getattr(value, "list", [value])  # of a sweep over several
    texts = [getattr(each, "text", each) for each in values]
    if override.is_delete() or not all(isinstance(text, str) and "${" not in text for text in texts):
        return word
    return f"{word.partition('=')[0]}={','.join(quote(os.path.abspath(text)) for text in texts)}"


def command(sweep_dir: Path, typed: list[str]) -> tuple[str, list[str]]:
    """The verb and the words of a sweep, those typed now in place of stored ones.

    Raises:
        CheckpointError: ``sweep.json`` is damaged.
        ConfigError: a word that would make it another sweep.
        TrustError: it says what a file may not, or the directory holds a link.
    """
    _check_links(sweep_dir)
    verb, arguments = read(sweep_dir)
    outputs = _outputs(sweep_dir)
    where = str(sweep_dir / SWEEP)
    known = {_name(word): word for word in arguments.argv()}
    for word in typed:
        name = _name(word)
        free = name in jobs.PLACES or name.startswith(("hydra.", "hydra/"))
        if not free and not _same(word, known.get(name)):
            raise ConfigError(f"{word}: a sweep is resumed with its own settings; start a new one without resume=")
    given = {_name(word) for word in typed}
    kept = []
    for word in arguments.argv():
        if _name(word) in given:
            continue
        if key_of(word) == "outputs" and outputs is not None and _same(word, f"outputs={outputs}"):
            continue  # said by where the sweep lies
        try:
            forbidden.check_word(word, where)
        except TrustError as error:
            raise TrustError(f"{error}; if you said so, add {shlex.quote(word)}") from None
        kept.append(word)
    if outputs is not None and "outputs" not in given:
        kept.append(f"outputs={quote(str(outputs))}")
    return verb, [*kept, *typed]


def read(sweep_dir: Path) -> tuple[str, Arguments]:
    """The verb and the words of a sweep as they are stored.

    Raises:
        CheckpointError: ``sweep.json`` is damaged.
        TrustError: it would make Hydra unpickle a file.
    """
    held: Any = directory.read_json(sweep_dir / SWEEP)
    argv = held.get("argv") if isinstance(held, dict) else None
    whole = (
        isinstance(argv, list)
        and all(isinstance(word, str) for word in argv)
        and held.get("verb") in schema.VERBS
        and isinstance(held.get("limit"), (int, float, type(None)))
        and isinstance(held.get("swept", []), list)
    )
    if not whole:
        raise CheckpointError(f"{sweep_dir / SWEEP} is damaged: it holds no command")
    try:
        return held["verb"], parse(argv or [], verb=held["verb"], flags={})
    except ConfigError as error:
        raise CheckpointError(f"{sweep_dir / SWEEP} is damaged: {error}") from error


def again(sweep_dir: Path) -> str:
    """The command line that resumes a sweep, with the words that a person has to type again."""
    _, arguments = read(sweep_dir)
    words = ["genlab", "train", f"resume={sweep_dir}"]
    outputs = _outputs(sweep_dir)
    for word in arguments.argv():
        try:
            forbidden.check_word(word, SWEEP)
        except TrustError:
            if not (outputs is not None and _same(word, f"outputs={outputs}")):
                words.append(word)
    return shlex.join(words)


def _outputs(sweep_dir: Path) -> Path | None:
    """The folder of all runs that a sweep lies in: ``outputs`` of ``outputs/sweep/<name>/<time>-<id>``."""
    return sweep_dir.parents[2] if len(sweep_dir.parents) > 2 and sweep_dir.parents[1].name == "sweep" else None


def _check_links(sweep_dir: Path) -> None:
    """A link in a sweep's directory would have another file written in place of the sweep's own."""
    if "${" in str(sweep_dir):
        raise TrustError(f"{sweep_dir}: its name would be looked up as a key of the config; rename it")
    for folder, names, files in os.walk(sweep_dir):
        if ".submitit" in (*names, *files):  # its results are pickles
            raise TrustError(
                f"{folder}/.submitit would be read as Python's own objects, which can run anything: remove it"
            )
        names[:] = [name for name in names if not name.startswith(".submitit")]  # each start has a new one
        for name in (*names, *files):
            if os.path.islink(os.path.join(folder, name)):
                raise TrustError(f"{os.path.join(folder, name)} is a link: a sweep writes in its own folder; remove it")


def _name(word: str) -> str:
    """What a word sets: its key, or the flag."""
    return word.partition("=")[0] if word.startswith("-") else key_of(word)


def _same(word: str, other: str | None) -> bool:
    """Whether two words say the same, their paths seen from here."""
    return other is not None and _sense(word) == _sense(other)


def _sense(word: str) -> str:
    name, _, value = word.partition("=")
    if name.startswith("--config-") and value:
        return f"{name}={os.path.abspath(value) if name != '--config-name' else value}"
    return placed(word).lstrip("+") if not name.startswith("-") else word
