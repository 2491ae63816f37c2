"""Text as tokens and tokens as text: all that it takes is the space."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import Tokens
from genlab.data.text.pieces import Pieces, named, utf8
from genlab.errors import ConfigError

BLOCK = 1 << 22
"""Characters that are looked up together."""

BYTES = tuple(map(chr, range(256)))
"""What a byte writes, as a character of Latin-1."""


def encoded(space: Tokens, text: str) -> Tensor:
    """The tokens of a text, ``(L,) int64``.

    Bytes that were no UTF-8 where a command line or a file was read (``errors="surrogateescape"``) are these bytes.

    Args:
        space: says how; numbers (``coding="numbers"``) are separated by white space.
        text: any text.

    Raises:
        ConfigError: a character or a number is none of the vocabulary's; the message names it.
    """
    match space.coding:
        case "characters":
            return _looked_up(space, text)
        case "bytes":
            return torch.tensor(bytearray(utf8(text)), dtype=torch.int64)
        case "bpe":
            return _pieces(space).encoded(text)
    return _numbers(space, text)


def written(space: Tokens, tokens: Tensor) -> str:
    """The text of tokens ``(L,)``: the inverse of `encoded`.

    Bytes that are no UTF-8 are written as U+FFFD; numbers with a space between them.
    """
    numbers = tokens.tolist()
    match space.coding:
        case "characters":
            assert space.symbols is not None
            return "".join(map(space.symbols.__getitem__, numbers))
        case "bytes":
            return bytes(numbers).decode("utf-8", "replace")
        case "bpe":
            return _pieces(space).bytes_of(numbers).decode("utf-8", "replace")
    return " ".join(map(str, numbers))


def content(space: Tokens, tokens: Tensor) -> bytes:
    """The bytes of UTF-8 that tokens of text ``(L,)`` write."""
    if space.coding == "bytes":
        return tokens.to(torch.uint8).numpy().tobytes()
    return utf8(written(space, tokens)) if space.coding == "characters" else _pieces(space).bytes_of(tokens.tolist())


def alphabet(text: str) -> tuple[str, ...]:
    """The characters of a text, sorted."""
    return tuple(sorted(set(text)))


def _looked_up(space: Tokens, text: str) -> Tensor:
    assert space.symbols is not None
    codes, numbers = _table(space.symbols)
    found = np.empty(len(text), np.int64)
    for start in range(0, len(text), BLOCK):
        block = np.frombuffer(text[start : start + BLOCK].encode("utf-32-le", "surrogatepass"), np.uint32)
        place = np.minimum(np.searchsorted(codes, block), len(codes) - 1)
        strange = codes[place] != block
        if strange.any():
            lacking = named(chr(block[strange][0]))
            raise ConfigError(f"{lacking} is none of the {len(codes)} characters of this vocabulary: leave it out")
        found[start : start + len(block)] = numbers[place]
    return torch.from_numpy(found)


@lru_cache(maxsize=8)
def _table(symbols: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The characters' codes, ascending, and which token each is."""
    codes = np.array([ord(symbol) for symbol in symbols], np.uint32)
    order = np.argsort(codes)
    return codes[order], order.astype(np.int64)


@lru_cache(maxsize=8)
def _pieces(space: Tokens) -> Pieces:
    assert space.symbols is not None
    assert space.merges is not None
    return Pieces(space.symbols, space.merges)


def _numbers(space: Tokens, text: str) -> Tensor:
    found = []
    for word in text.split():
        if not (word.isascii() and word.isdigit() and len(word) < 19 and int(word) < space.vocabulary):
            raise ConfigError(
                f"{word!r} is no token: give numbers from 0 to {space.vocabulary - 1} with spaces between"
            )
        found.append(int(word))
    return torch.tensor(found, dtype=torch.int64)
