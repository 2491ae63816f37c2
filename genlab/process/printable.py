"""Text of others on the user's screen: names of files, settings of a run, what a job has said."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """``text`` on one line, without anything that a terminal would obey: such characters as Python's escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def harmless(text: str) -> str:
    """``text`` of several lines, without anything that a terminal would obey but line ends and tabs.

    A line end of Windows is one; spaces of all widths stay.
    """
    return "".join(char if _stays(char) else ascii(char)[1:-1] for char in text.replace("\r\n", "\n"))


def _stays(char: str) -> bool:
    return char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"
