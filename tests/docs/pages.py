"""README and the pages of docs/: their texts, their fenced blocks, the commands and files in these."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
}
"""The text of each page by its path in the repository."""

FILES = dict(re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", PAGES["docs/extending.md"], re.MULTILINE | re.DOTALL))
"""The files of the example: a path in backquotes and a colon, then its block."""


def blocks(name: str, kind: str) -> list[str]:
    """The fenced blocks of a kind on a page, but for the files of the example."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", PAGES[name], re.MULTILINE | re.DOTALL)
    return [text for each, text in found if each == kind and text not in FILES.values()]


def write_example(folder: Path) -> None:
    """The files of the example, in a folder."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def script(name: str):
    """A module of ``scripts/``."""
    folder = str(ROOT / "scripts")
    sys.path.insert(0, folder)
    try:
        return __import__(name)
    finally:
        sys.path.remove(folder)


def commands() -> list[list[str]]:
    """The ``genlab`` command lines of all shell blocks, and of all figures, in words, each once."""
    lines = [line for name in PAGES for block in blocks(name, "sh") for line in block.splitlines()]
    lines += [line for figure in script("pictures").FIGURES.values() for line in figure.commands()]
    found = [words[1:] for words in (shlex.split(line, comments=True) for line in lines) if words[:1] == ["genlab"]]
    return [list(words) for words in dict.fromkeys(map(tuple, found))]


COMMANDS = commands()
