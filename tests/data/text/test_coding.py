"""What text becomes and becomes again: every coding on awkward text, and what it refuses."""

from __future__ import annotations

import random
import re
import sys

import pytest
import torch

from genlab.data.plain_spaces import from_plain, plain
from genlab.data.spaces import Tokens
from genlab.data.text import pieces, vocabularies
from genlab.data.text.coding import alphabet, encoded, written
from genlab.errors import ConfigError

AWKWARD = [
    "the theatre there, the thin thing; 'tis three thousand thistles",
    "Zoë naïve façade, Ångström — “quoted” … №1\u00a0½",
    "👩‍👩‍👧 emoji 🏳️‍🌈 and 漢字かな交じり文 и кириллица",
    "line\r\nline\rline\n\n\n  indented\t\tand trailing   \n",
    "no final newline",
    "\0 NUL \x7f \x1b[31m \ufeff \u2028 \U0010ffff",
    "x" * 500 + " " * 200 + "1" * 100 + "_" * 70 + "\n" * 130,
    " ",
]
TEXT = "".join(AWKWARD * 3)


@pytest.fixture(scope="module")
def spaces(tmp_path_factory) -> dict[str, Tokens]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        return {
            "bytes": vocabularies.of_bytes(8),
            "characters": vocabularies.of_characters(8, TEXT),
            "bpe": vocabularies.of_pieces(8, [TEXT], 420),
        }


@pytest.mark.parametrize("coding", ["bytes", "characters", "bpe"])
@pytest.mark.parametrize("text", [*AWKWARD, TEXT, ""], ids=range(len(AWKWARD) + 2))
def test_text_comes_back(spaces, coding: str, text: str) -> None:
    for space in (spaces[coding], from_plain(plain(spaces[coding]))):
        tokens = encoded(space, text)
        assert tokens.dtype == torch.int64
        assert tokens.dim() == 1
        assert bool(((tokens >= 0) & (tokens < space.vocabulary)).all())
        assert written(space, tokens) == text
        assert written(space, tokens.to(space.dtype)) == text


@pytest.mark.parametrize("coding", ["bytes", "characters", "bpe"])
def test_each_token_writes_its_symbol(spaces, coding: str) -> None:
    space = spaces[coding]
    said = "".join(space.symbols[token] for token in encoded(space, TEXT).tolist())
    assert said == (TEXT if coding == "characters" else TEXT.encode().decode("latin-1"))
    assert len(set(space.symbols)) == space.vocabulary


def test_bytes_are_those_of_utf8(spaces) -> None:
    assert encoded(spaces["bytes"], "aé€").tolist() == [97, 0xC3, 0xA9, 0xE2, 0x82, 0xAC]
    assert spaces["bytes"].unit.name == "bits/byte"
    assert written(spaces["bytes"], torch.tensor([97, 0xC3, 98])) == "a\ufffdb"  # half of a character


@pytest.mark.parametrize("coding", ["bytes", "bpe"])
def test_bytes_that_were_no_text_stay_these_bytes(spaces, coding: str) -> None:
    foreign = b"caf\xe9 \x88".decode("utf-8", "surrogateescape")  # as a command line gives them
    tokens = encoded(spaces[coding], foreign).tolist()
    assert "".join(spaces[coding].symbols[token] for token in tokens).encode("latin-1") == b"caf\xe9 \x88"
    with pytest.raises(ConfigError, match=re.escape("'\\ud83d' (U+D83D) is half of a character: leave it out")):
        encoded(spaces[coding], "a\ud83d")


def test_characters_are_sorted_and_a_strange_one_is_named() -> None:
    space = vocabularies.of_characters(4, "banana\n")
    assert space.symbols == ("\n", "a", "b", "n") == alphabet("nab\n")
    assert encoded(space, "ban\n").tolist() == [2, 1, 3, 0]
    with pytest.raises(ConfigError, match=re.escape("'é' (U+00E9) is none of the 4 characters of this vocabulary")):
        encoded(space, "banané, ç")
    unsorted = Tokens(4, 3, coding="characters", symbols=("z", "a", "q"))
    assert encoded(unsorted, "qza").tolist() == [2, 0, 1]


def test_numbers_are_written_with_spaces_between() -> None:
    space = Tokens(4, 300)
    assert encoded(space, " 0 299\n17 ").tolist() == [0, 299, 17]
    assert written(space, torch.tensor([0, 299, 17])) == "0 299 17"
    for wrong in ("300", "-1", "1.5", "x", "²", "9" * 5000):
        with pytest.raises(ConfigError, match="is no token: give numbers from 0 to 299"):
            encoded(space, f"1 {wrong}")


def test_words_are_the_text_and_never_long() -> None:
    for text in [*AWKWARD, TEXT, "".join(map(chr, range(0x3000)))]:
        found = list(pieces.words(text))
        assert "".join(found) == text
        assert all(1 <= len(word) <= pieces.LONGEST + 1 for word in found)
    assert list(pieces.words("Don't stop,  now 42\n")) == ["Don", "'", "t", " stop", ",", " ", " now", " 42", "\n"]


def test_pieces_are_those_of_the_library(spaces) -> None:
    """Of random text with few letters, where pairs overlap and a piece comes about in several ways."""
    from tokenizers import Tokenizer, models

    drawn = random.Random(0)
    noise = "".join(drawn.choice("aaabbc é\n") for _ in range(20_000))
    for text, vocabulary in [(TEXT, 420), (noise, 700)]:
        pairs = pieces.learned([text], vocabulary)
        symbols = pieces.symbols_of(pairs)
        number = {symbol: token for token, symbol in enumerate(symbols)}
        merges = [(symbols[left], symbols[right]) for left, right in pairs]
        library = Tokenizer(models.BPE(vocab=number, merges=merges))
        ours = pieces.Pieces(symbols, [f"{left} {right}" for left, right in pairs])
        assert len(symbols) > 300
        for part in (text, noise[::-1], noise.replace("a", "b")):
            for word in set(pieces.words(part)):
                assert ours.encoded(word).tolist() == library.encode(word.encode().decode("latin-1")).ids


def test_pairs_that_are_joined_are_frequent() -> None:
    pairs = pieces.learned(["the then them " * 20], 262)
    symbols = pieces.symbols_of(pairs)
    assert "the" in symbols[256:] or " the" in symbols[256:]
    assert 3 <= len(pairs) == len(symbols) - 256 <= 6
    assert pieces.learned(["abcdefg"], 300) == []  # no pair comes twice
    assert pieces.learned([], 300) == []


def test_texts_are_not_joined_with_each_other() -> None:
    assert pieces.learned(["a", "b"] * 50, 300) == []
    assert len(pieces.learned(["ab"] * 50, 300)) == 1


def test_pieces_are_learned_once(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    first = vocabularies.of_pieces(8, ["the then them " * 20], 262)
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # nobody asks for it again
    assert vocabularies.of_pieces(8, ["the then them " * 20], 262) == first
    with pytest.raises(ConfigError, match=re.escape("pip install 'genlab[text]'")):
        vocabularies.of_pieces(8, ["the then them " * 21], 262)
