"""Read YAML that others may have written: plain values, and no more of them than the text shows.

A few hundred bytes of aliases stand for billions of values, an alias of what it is inside of never ends, and deep
nesting exhausts the stack of whoever walks it. The events of the text are counted before a value is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from genlab.files import foreign

MAX_BYTES = 4 << 20
MAX_NODES = 200_000
MAX_DEPTH = 64


class UnreadableError(ValueError):
    """A text that is no YAML, or none that anybody would have written; the message is one line."""


def load(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        UnreadableError: it is no YAML, or nested or repeated beyond reason.
    """
    check(text)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UnreadableError(_line(error)) from error


def read(path: Path, *, links: bool = False) -> Any:
    """The value of a YAML file.

    Args:
        path: its name.
        links: whether the name itself may be a link.

    Raises:
        OSError: as `genlab.files.foreign.read_bytes`.
        UnreadableError: it is no UTF-8 text, or as `load`.
    """
    return load(text_of(path, links=links))


def text_of(path: Path, *, links: bool = False) -> str:
    """The text of a YAML file, of bounded size; errors as `read`."""
    try:
        return foreign.read_text(path, most=MAX_BYTES, links=links)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is no UTF-8 text (byte {error.start}); save it as UTF-8") from error


def check(text: str) -> None:
    """Count what a text stands for, aliases written out.

    Raises:
        UnreadableError: it is no YAML; more than `MAX_NODES` values, more than `MAX_DEPTH` deep, or it contains itself.
    """
    sizes: dict[str, int | None] = {}  # of anchors; None while what they name is being read
    stack: list[tuple[str | None, int]] = []
    count = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                size = sizes.get(event.anchor, 1)
                if size is None:
                    raise UnreadableError(f"*{event.anchor} contains itself")
                count += size
            elif isinstance(event, yaml.ScalarEvent):
                count += 1
                if event.anchor:
                    sizes[event.anchor] = 1
            elif isinstance(event, yaml.CollectionStartEvent):
                stack.append((event.anchor, count))
                count += 1
                if event.anchor:
                    sizes[event.anchor] = None
                if len(stack) > MAX_DEPTH:
                    raise UnreadableError(f"it is nested more than {MAX_DEPTH} deep")
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = stack.pop()
                if anchor:
                    sizes[anchor] = count - before
            if count > MAX_NODES:
                raise UnreadableError(f"it stands for more than {MAX_NODES} values")
    except (yaml.YAMLError, RecursionError) as error:
        raise UnreadableError(_line(error)) from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
