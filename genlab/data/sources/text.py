"""Text: a file of one's own or a bundled novel, as windows on a stream of bytes, characters or pieces of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.images.parts import data_name
from genlab.data.spaces import Tokens
from genlab.data.text import reading, vocabularies
from genlab.data.text.coding import encoded
from genlab.data.text.known import Known, place
from genlab.data.text.vocabularies import Coding
from genlab.errors import ConfigError, DataError
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "tokens", "integers")

NOVEL = Path(reading.__file__).with_name("persuasion.txt")
"""Jane Austen's "Persuasion", chapters 1 to 21; its origin is told beside it."""

KNOWN = {
    "tinyshakespeare": Known(
        "tinyshakespeare/input.txt",
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        "https://github.com/karpathy/char-rnn",
    )
}

Cut = Literal["90/5/5", "nanogpt"]
CUTS: dict[Cut, tuple[int, ...]] = {"90/5/5": (90, 95, 100), "nanogpt": (90, 100)}
"""Where train, val and test end, in per cent of the text."""

PARTS = ("train", "val", "test")
WORDS = {"bytes": "bytes", "characters": "characters", "bpe": "tokens"}


def text(
    *,
    root: Folder | None = None,
    known: Literal["tinyshakespeare"] | None = None,
    download: bool = True,
    coding: Coding = "bytes",
    length: Positive = 256,
    stride: Positive = 16,
    split: Cut = "90/5/5",
    vocabulary: Annotated[int, Field(gt=256, le=65536)] = 1024,
) -> Dataset:
    """Windows of a text, ``(N, length)`` tokens: the first 90 % are trained on, 5 % are validation, the last 5 % test.

    Training windows overlap: one begins at every ``stride``-th token, so that an epoch sees each token ``length /
    stride`` times; they are a view of the text and take no memory of their own. Those of validation and test do not
    overlap. Nothing is changed in the text, line ends neither.

    The vocabulary of ``coding=characters`` is that of the whole text, as nanoGPT has it: a character that only the test
    part has must get a probability as well. Pairs of bytes (``coding=bpe``) are counted in the training part alone.

    Args:
        root: a text file in UTF-8, a folder of ``.txt`` files (one after the other, in the order of their names), or a
            ``.zip`` of one text; None: a bundled novel. With `known` it may be the folder that holds the data sets,
            too, and None is ``$GENLAB_DATA`` or ``~/.cache/genlab``.
        known: a text that is read there: "tinyshakespeare" (``tinyshakespeare/input.txt``), 1.1 million characters of
            plays, of A. Karpathy's char-rnn, 2015, https://github.com/karpathy/char-rnn.
        download: fetch it if it is missing.
        coding: what a token is: a byte, a character, or a piece of a word (byte-pair encoding).
        length: tokens of an example.
        stride: tokens from the beginning of a training example to that of the next.
        split: "90/5/5", or "nanogpt": the last 10 % are both validation and test.
        vocabulary: of ``coding=bpe``, how many tokens there are.

    Raises:
        DataError: there is no text, it is no UTF-8, or too short for one example in every part.
        ConfigError: an argument is none of these, or ``coding=bpe`` lacks its library.
    """
    if split not in CUTS:
        raise ConfigError(f"data.split={split}: give {' or '.join(CUTS)}")
    if known is not None:
        where = place(KNOWN, known, root, download=download)
    else:
        where = NOVEL if root is None else Path(root).expanduser()
    found = reading.read(where)
    space, streams = _coded(found, coding, length=length, ends=CUTS[split], most=vocabulary)
    what = WORDS[coding]
    short = min(map(len, streams))
    if short < length:
        part = PARTS[[len(stream) for stream in streams].index(short)]
        less = f", or data.length={short} or less" if short else ""
        raise DataError(f"{found.where}: {part} has {short} {what}, data.length={length}: give a longer text{less}")
    held = [Split(_side_by_side(stream, length)) for stream in streams[1:]]
    return Dataset(
        name=known or data_name(found.where if found.where.is_dir() else found.where.with_suffix("")),
        spec=DataSpec(space=space),
        train=Split(streams[0].unfold(0, length, stride)),
        val=held[0],
        test=held[-1],
        notes=(*found.notes, *_notes(space, streams, what, stride=stride, most=vocabulary)),
    )


def _coded(
    found: reading.Found, coding: Coding, *, length: int, ends: Sequence[int], most: int
) -> tuple[Tokens, list[Tensor]]:
    """The space, and the tokens ``(M,)`` of each part."""
    if coding == "bytes":
        space = vocabularies.of_bytes(length)
        content = found.content
        cut = _cut_bytes(content, ends)
        return space, [torch.tensor(bytearray(content[part]), dtype=space.dtype) for part in cut]
    whole = "".join(found.texts())
    parts = [whole[part] for part in _cut(len(whole), ends)]
    if coding == "characters":
        space = vocabularies.of_characters(length, whole)
    elif coding == "bpe":
        space = vocabularies.of_pieces(length, parts[:1], most)
    else:
        raise ConfigError(f"data.coding={coding}: give {', '.join(WORDS)}")
    streams = [encoded(space, part).to(space.dtype) for part in parts]
    if coding == "bpe":
        space = replace(space, characters=len(parts[0]) / max(1, len(streams[0])))
    return space, streams


def _cut(n: int, ends: Sequence[int]) -> list[slice]:
    return [slice(n * start // 100, n * end // 100) for start, end in pairwise((0, *ends))]


def _cut_bytes(content: bytes, ends: Sequence[int]) -> list[slice]:
    """Where characters would be cut, so that one text has the same parts whatever its tokens are; bytes if none are."""
    try:
        whole = content.decode("utf-8")
    except UnicodeDecodeError:
        return _cut(len(content), ends)
    places = [len(whole[part].encode()) for part in _cut(len(whole), ends)]
    starts = [sum(places[:i]) for i in range(len(places) + 1)]
    return [slice(start, end) for start, end in pairwise(starts)]


def _side_by_side(stream: Tensor, length: int) -> Tensor:
    """``(N, length)``, a view: what is left over at the end is left out."""
    return stream[: len(stream) // length * length].view(-1, length)


def _notes(space: Tokens, streams: Sequence[Tensor], what: str, *, stride: int, most: int) -> list[str]:
    names = PARTS[: len(streams)]
    sizes = ", ".join(f"{name} {len(stream):,}" for name, stream in zip(names, streams, strict=True))
    notes = [f"{what}: {sizes}; vocabulary {space.vocabulary}."]
    if space.coding == "bpe" and space.vocabulary < most:
        notes.append(f"the vocabulary has {space.vocabulary} tokens, not {most}: no other pair of them comes twice.")
    left = [f"{len(stream) % space.length} of {name}" for name, stream in zip(names, streams, strict=True)][1:]
    if any(len(stream) % space.length for stream in streams[1:]):
        notes.append(f"the last {what} ({' and '.join(left)}) fill no example of {space.length} and are left out.")
    if stride > space.length:
        gaps = "training leaves out what is between its windows"
        notes.append(f"data.stride={stride} is more than data.length={space.length}: {gaps}.")
    if len(streams) == 2:
        notes.append("data.split=nanogpt: the last 10 % are both validation and test.")
    return notes
