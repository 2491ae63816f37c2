"""Text on the screen while it is drawn."""

from __future__ import annotations

import codecs
from typing import TextIO

from torch import Tensor

from genlab.data.spaces import Tokens
from genlab.process.printable import harmless


class Streamed:
    """Writes the first of several texts, symbol by symbol; its `heard` is what `Sequential.draw` calls.

    Nothing that a terminal obeys passes but line ends and tabs. Bytes that are a part of a character wait for the
    others; those that never become one are U+FFFD, as in the files.

    Args:
        space: of the text.
        out: where it is written, flushed after each symbol.
    """

    def __init__(self, space: Tokens, out: TextIO) -> None:
        assert space.symbols is not None
        self._symbols, self._end, self._out = space.symbols, space.end, out
        self._decoder = None if space.coding == "characters" else codecs.getincrementaldecoder("utf-8")("replace")
        self._return = ""  # a carriage return, which is harmless if a line feed follows
        self._last = "\n"
        self._over = False

    def heard(self, values: Tensor) -> None:
        """A step of all texts, ``(n,)`` tokens."""
        if self._over:
            return
        token = int(values[0])
        self._over = token == self._end
        symbol = self._symbols[token]
        self._write(symbol if self._decoder is None else self._decoder.decode(symbol.encode("latin-1")))

    def close(self) -> None:
        """Write what waits, end the line, and leave one free."""
        rest = "" if self._decoder is None else self._decoder.decode(b"", final=True)
        self._write(rest, final=True)
        self._out.write("\n" if self._last == "\n" else "\n\n")
        self._out.flush()

    def _write(self, text: str, *, final: bool = False) -> None:
        text = self._return + text
        self._return = "\r" if text.endswith("\r") and not final else ""
        shown = harmless(text.removesuffix(self._return))
        if shown:
            self._out.write(shown)
            self._out.flush()
            self._last = shown[-1]
