"""Lines: a text of one example a line, such as names, words, formulae; each is as long as it is."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.images.parts import data_name
from genlab.data.lengths import mask
from genlab.data.spaces import Tokens
from genlab.data.text import reading, vocabularies
from genlab.data.text.coding import encoded
from genlab.data.text.known import Known, place
from genlab.data.text.vocabularies import Coding
from genlab.errors import ConfigError, DataError
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "tokens", "integers")

SPLIT_SEED = 42
"""Of the split of the lectures on makemore."""

FEWEST = 10
"""Lines, so that every split has one."""

END = "\n"


KNOWN = {
    "names": Known(
        "names/names.txt",
        "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        "https://github.com/karpathy/makemore",
    )
}


def lines(
    *,
    root: Folder | None = None,
    known: Literal["names"] | None = None,
    download: bool = True,
    coding: Coding = "characters",
    max_length: Positive = 256,
    vocabulary: Annotated[int, Field(gt=256, le=65536)] = 1024,
) -> Dataset:
    """One example a line, ``(N, L)`` tokens with lengths: those of the line, and its newline, which ends it.

    Lines are shuffled by a fixed seed; 80 % are trained on, 10 % are validation and 10 % test. Of ``known=names``, the
    first names of the US Social Security Administration, this is the split of A. Karpathy's lectures on makemore, 2022
    (``random.seed(42)``), https://github.com/karpathy/makemore.

    Args:
        root: a text file in UTF-8, a folder of ``.txt`` files, or a ``.zip`` of one text. With `known` it may be the
            folder that holds the data sets, too, and None is ``$GENLAB_DATA`` or ``~/.cache/genlab``.
        known: a set that is read there: "names" (``names/names.txt``).
        download: fetch it if it is missing.
        coding: what a token is: a character (the vocabulary is that of all lines), a byte, or a piece of a word
            (byte-pair encoding, counted in the training lines alone).
        max_length: characters of a line at most, its end not counted; longer ones are left out, and empty ones.
        vocabulary: of ``coding=bpe``, how many tokens there are.

    Raises:
        DataError: there is no text, it is no UTF-8 or not the original, or has too few lines.
        ConfigError: neither `root` nor `known` is given, or ``coding=bpe`` lacks its library.
    """
    found = reading.read(_place(root, known, download=download))
    every, notes = _kept(found, strict=coding != "bytes", longest=max_length)
    if len(every) < FEWEST:
        raise DataError(f"{found.where}: {len(every)} line(s) of 1 to {max_length} characters; give {FEWEST} at least")
    random.Random(SPLIT_SEED).shuffle(every)
    first, second = int(0.8 * len(every)), int(0.9 * len(every))
    space, x, lengths = _tokens(every, coding, first, most=vocabulary)
    train, val, test = (
        Split(x[part], lengths=lengths[part]) for part in (slice(first), slice(first, second), slice(second, None))
    )
    notes += _said(space, train=every[:first], val=every[first:second], test=every[second:])
    where = found.where
    own = data_name(where if where.is_dir() else where.with_suffix(""))
    return Dataset(name=own, spec=DataSpec(space=space), train=train, val=val, test=test, notes=(*found.notes, *notes))


def _place(root: Folder | None, known: str | None, *, download: bool) -> Path:
    """The file or folder that is read; one of `KNOWN` is the original."""
    if known is None:
        if root is None:
            raise ConfigError("data.root is missing: give a text file, a folder of them or a .zip of one")
        return Path(root).expanduser()
    return place(KNOWN, known, root, download=download)


def _kept(found: reading.Found, *, strict: bool, longest: int) -> tuple[list[str], list[str]]:
    """The lines without their ends, and what was done to them."""
    every = [line for text in found.texts(strict=strict) for line in text.removesuffix(END).split(END)]
    returned = sum(line.endswith("\r") for line in every)
    every = [line.removesuffix("\r") for line in every]
    kept = [line for line in every if 0 < len(line) <= longest]
    empty = every.count("")
    long = len(every) - len(kept) - empty
    notes = []
    if returned:
        notes.append(f"{returned:,} lines ended with CR LF: the CR is left out.")
    if empty:
        notes.append(f"{empty:,} empty line(s) left out.")
    if long:
        notes.append(f"{long:,} line(s) of more than data.max_length={longest} characters left out.")
    return kept, notes


def _tokens(every: list[str], coding: Coding, first: int, *, most: int) -> tuple[Tokens, Tensor, Tensor]:
    """The space, the lines ``(N, L)`` and their lengths ``(N,) int64``."""
    whole = "".join(f"{line}{END}" for line in every)
    if coding == "bytes":
        space = vocabularies.of_bytes(1)
    elif coding == "bpe":
        space = vocabularies.of_pieces(1, every[:first], most)
    elif coding == "characters":
        space = vocabularies.of_characters(1, whole)
    else:
        raise ConfigError(f"data.coding={coding}: give characters, bytes or bpe")
    stream, end = encoded(space, whole), int(encoded(space, END))
    last = (stream == end).nonzero()[:, 0]
    lengths = last.diff(prepend=torch.tensor([-1]))
    x = torch.zeros(len(every), int(lengths.max()), dtype=space.dtype)
    x[mask(lengths, x.shape[1])] = stream.to(space.dtype)
    mean = len(whole) / len(stream) if coding == "bpe" else 1.0
    return replace(space, length=x.shape[1], ragged=True, end=end, characters=mean), x, lengths


def _said(space: Tokens, **parts: list[str]) -> list[str]:
    sizes = ", ".join(f"{name} {len(each):,}" for name, each in parts.items())
    notes = [f"lines: {sizes}, of at most {space.length} tokens with their end; vocabulary {space.vocabulary}."]
    trained = set(parts["train"])
    again = {name: sum(line in trained for line in each) for name, each in parts.items() if name != "train"}
    if any(again.values()):
        counts = " and ".join(f"{count:,} lines of {name}" for name, count in again.items())
        notes.append(f"{counts} are among the training lines, too.")
    return notes
