"""Text on the screen while it is drawn: all of it, as soon as it can be, and nothing that a terminal obeys."""

from __future__ import annotations

import io

import pytest
import torch

from genlab.data.spaces import Tokens
from genlab.process.printable import harmless
from genlab.tasks._streamed import Streamed
from tests.tasks.sequences import BYTES, CHARACTERS, LINES


class Flushed(io.StringIO):
    """Remembers what a reader had seen after each flush."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def flush(self) -> None:
        self.seen.append(self.getvalue())


def streamed(space: Tokens, tokens: list[int]) -> Flushed:
    out = Flushed()
    stream = Streamed(space, out)
    for token in tokens:
        stream.heard(torch.tensor([token, 0]))
    stream.close()
    return out


def of_bytes(text: bytes) -> Flushed:
    return streamed(BYTES, list(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"plain", "plain\n\n"),
        (b"line\n", "line\n\n"),
        (b"", "\n"),
        (b"\tof tabs", "\tof tabs\n\n"),
        ("é漢🎲".encode(), "é漢🎲\n\n"),
        (b"\x1b[2J\x07\x9b", "\\x1b[2J\\x07\N{REPLACEMENT CHARACTER}\n\n"),
        ("\x9b2J\u202e".encode(), "\\x9b2J\\u202e\n\n"),
        (b"\xe6\xbcx", "\N{REPLACEMENT CHARACTER}x\n\n"),
        (b"cut \xe6\xbc", "cut \N{REPLACEMENT CHARACTER}\n\n"),
        (b"of Windows\r\nand\ralone\r", "of Windows\nand\\ralone\\r\n\n"),
    ],
)
def test_what_is_shown(text: bytes, shown: str) -> None:
    assert of_bytes(text).getvalue() == shown


def test_each_symbol_is_seen_at_once() -> None:
    assert of_bytes(b"abc").seen[:3] == ["a", "ab", "abc"]
    assert streamed(CHARACTERS, [8, 10, 11]).seen[:3] == ["a", "aé", "aé漢"]


def test_a_character_is_seen_when_its_bytes_are_complete() -> None:
    seen = of_bytes("a漢b".encode()).seen
    assert seen[:3] == ["a", "a漢", "a漢b"]


def test_nothing_follows_an_end() -> None:
    assert streamed(LINES, [1, 2, 0, 0, 3]).getvalue() == "ab\n\n"


def test_any_bytes_are_shown_as_the_text_that_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        tokens = torch.randint(256, (40,), generator=generator).tolist()
        if tokens[-1] == 10:
            continue
        text = harmless(bytes(tokens).decode("utf-8", "replace"))
        assert of_bytes(bytes(tokens)).getvalue() == f"{text}\n\n"
        assert all(char.isprintable() or char in "\n\t\xa0\u3000" or char.isspace() for char in text)
        assert "\x1b" not in text
