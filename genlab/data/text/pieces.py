"""Byte-pair encoding: the most frequent pair of neighbours becomes a token of its own, again and again.

R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words with Subword Units", ACL 2016,
https://arxiv.org/abs/1508.07909; of bytes: A. Radford, J. Wu, R. Child, D. Luan, D. Amodei, I. Sutskever, "Language
Models are Unsupervised Multitask Learners", 2019.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from genlab.errors import ConfigError

LONGEST = 64
"""Characters of a word at most: what is longer is several, so that no text takes the square of its length."""

# Words with the space before them, numbers, signs, white space; every character is in one of them. A run's tokens
# depend on it: another way to cut is another coding.
_WORD = re.compile(
    rf" ?[^\W\d_]{{1,{LONGEST}}}| ?\d{{1,{LONGEST}}}| ?(?:[^\w\s]|_){{1,{LONGEST}}}"
    rf"|\s{{1,{LONGEST}}}(?!\S)|\s{{1,{LONGEST}}}"
)

Pair = tuple[int, int]


class Pieces:
    """Tokens of some bytes each: the first 256 are the bytes, the others what merges have made.

    Args:
        symbols: what each token writes, bytes as characters of Latin-1.
        merges: pairs of tokens ``"left right"``, in the order in which they are joined.
    """

    def __init__(self, symbols: Iterable[str], merges: Iterable[str]) -> None:
        self.symbols = [symbol.encode("latin-1") for symbol in symbols]
        number = {symbol: token for token, symbol in enumerate(self.symbols)}
        pairs = [(int(left), int(right)) for left, right in map(str.split, merges)]
        self.ranks: dict[Pair, int] = {pair: rank for rank, pair in enumerate(pairs)}
        self.made = [number[self.symbols[left] + self.symbols[right]] for left, right in pairs]
        self._known: dict[str, array[int]] = {}

    def encoded(self, text: str) -> Tensor:
        """The tokens of a text, ``(L,) int64``."""
        found: array[int] = array("q")
        for word in words(text):
            tokens = self._known.get(word)
            if tokens is None:
                tokens = self._known[word] = array("q", self._joined(utf8(word)))
            found.extend(tokens)
        return torch.frombuffer(found, dtype=torch.int64).clone() if found else torch.zeros(0, dtype=torch.int64)

    def bytes_of(self, tokens: Iterable[int]) -> bytes:
        """What tokens write."""
        return b"".join(map(self.symbols.__getitem__, tokens))

    def _joined(self, word: bytes) -> list[int]:
        """Join the pair that was learned first, the leftmost one, until none is left."""
        tokens, never = list(word), len(self.ranks)
        while len(tokens) > 1:
            rank, place = min((self.ranks.get(pair, never), i) for i, pair in enumerate(pairwise(tokens)))
            if rank == never:
                break
            tokens[place : place + 2] = [self.made[rank]]
        return tokens


def words(text: str) -> Iterator[str]:
    """A text in parts, within which pairs are joined and across which they are not; together they are the text."""
    return (found[0] for found in _WORD.finditer(text))


def learned(texts: Iterable[str], vocabulary: int) -> list[Pair]:
    """The merges of texts, pairs of tokens, that lead from 256 bytes to a vocabulary; fewer, if no more pairs recur.

    Raises:
        ConfigError: the library that counts them is not installed.
    """
    try:
        from tokenizers import Tokenizer, models, trainers
    except ImportError as error:
        raise ConfigError("data.coding=bpe needs the library tokenizers: pip install 'genlab[text]'") from error
    tokenizer = Tokenizer(models.BPE())
    latin = [chr(byte) for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, min_frequency=2, initial_alphabet=latin, special_tokens=[], show_progress=False
    )
    every = (word for text in texts for word in words(text))
    tokenizer.train_from_iterator((utf8(word).decode("latin-1") for word in every), trainer)
    number = {symbol: byte for byte, symbol in enumerate(latin)}
    pairs = []
    for left, right in json.loads(tokenizer.to_str())["model"]["merges"]:
        pairs.append((number[left], number[right]))
        number.setdefault(left + right, len(number))
    return pairs


def symbols_of(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """What the tokens write that merges lead to."""
    symbols = list(map(chr, range(256)))
    known = set(symbols)
    for left, right in pairs:
        joined = symbols[left] + symbols[right]
        if joined not in known:
            known.add(joined)
            symbols.append(joined)
    return tuple(symbols)


def utf8(text: str) -> bytes:
    """The bytes of a text: those that were no UTF-8 where it was read (``errors="surrogateescape"``) are themselves.

    Raises:
        ConfigError: half of a surrogate pair, which UTF-8 has no bytes for.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ConfigError(f"{named(text[error.start])} is half of a character: leave it out") from error


def named(character: str) -> str:
    """A character for a message."""
    return f"{character!r} (U+{ord(character):04X})"
