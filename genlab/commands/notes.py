"""Lines that a run writes while it works."""

from __future__ import annotations

from rich.console import Console

from genlab.process.printable import printable


def say(console: Console, what: str, text: str) -> None:
    """A line under a short name; of what users or their files say, control characters are shown and not obeyed."""
    report(console, f"{what:<8} {printable(text)}")


def report(console: Console, line: str) -> None:
    """A line as it is, however long."""
    console.print(line, highlight=False, soft_wrap=True)
