"""Text of others on the user's screen: names of files, settings of a run, what a job has said."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` on one line, without anything that a terminal would obey: such characters as Python's escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
