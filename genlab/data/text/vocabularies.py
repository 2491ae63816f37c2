"""Spaces of text: what its tokens are, taken from the text itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from genlab.data.cache import kept
from genlab.data.spaces import Tokens
from genlab.data.text.coding import BYTES, alphabet
from genlab.data.text.pieces import learned, symbols_of, utf8

Coding = Literal["bytes", "characters", "bpe"]

WAY = 1
"""Of cutting words: raised whenever `genlab.data.text.pieces.words` cuts others, so that no cache is taken for them."""


def of_bytes(length: int) -> Tokens:
    """Bytes, whatever they mean: a vocabulary of 256 of any text."""
    return Tokens(length, 256, coding="bytes", symbols=BYTES)


def of_characters(length: int, text: str) -> Tokens:
    """The characters of a text, sorted."""
    symbols = alphabet(text)
    return Tokens(length, len(symbols), coding="characters", symbols=symbols)


def of_pieces(length: int, texts: Sequence[str], vocabulary: int) -> Tokens:
    """Byte-pair encoding as texts have it, each by itself; learned once, then from the cache.

    Raises:
        ConfigError: the library that counts pairs is not installed.
    """
    seen = hashlib.sha256()
    for text in texts:
        content = utf8(text)
        seen.update(len(content).to_bytes(8, "big") + content)
    key = ("bpe", WAY, vocabulary, seen.hexdigest())

    def count() -> np.ndarray:
        return np.array(learned(texts, vocabulary), np.int32).reshape(-1, 2)

    pairs = kept(key, count, check=lambda found: found.dtype == np.int32 and found.shape[1:] == (2,)).tolist()
    symbols = symbols_of(pairs)
    merges = tuple(f"{left} {right}" for left, right in pairs)
    return Tokens(length, len(symbols), coding="bpe", symbols=symbols, merges=merges)
