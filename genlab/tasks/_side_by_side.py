"""Texts and what was drawn in their place, side by side."""

from __future__ import annotations

import textwrap
from itertools import zip_longest

from torch import Tensor

from genlab.data.spaces import Tokens
from genlab.evaluation.artefacts.texts import texts
from genlab.process.printable import printable

WIDTH = 60
"""Characters of a column, at most."""

END = "‖"
"""Stands where the kept part ends."""


def side_by_side(space: Tokens, originals: Tensor, done: Tensor, kept: Tensor, lengths: tuple[Tensor, Tensor]) -> str:
    """Originals on the left, completions on the right, each with `END` where what is kept ends.

    Args:
        space: of the texts.
        originals: ``(B, L)`` tokens.
        done: completions ``(B, L)``.
        kept: ``(B,)``, how many tokens of each are kept.
        lengths: ``(B,)`` of the originals and of the completions.
    """
    left, right = (_marked(space, x, kept, each) for x, each in zip((originals, done), lengths, strict=True))
    parts = [f"originals and completions; what stands before {END} is kept\n"]
    for i, (one, other) in enumerate(zip(left, right, strict=True)):
        columns = [_column(text) for text in (one, other)]
        wide = max(map(len, columns[0]))
        parts.append(f"----- {i + 1} -----")
        parts += [f"{a:{wide}} | {b}".rstrip() for a, b in zip_longest(*columns, fillvalue="")]
        parts.append("")
    return "\n".join(parts)


def _marked(space: Tokens, x: Tensor, kept: Tensor, lengths: Tensor) -> list[str]:
    if space.symbols is None:
        rows = zip(x.tolist(), kept.tolist(), lengths.tolist(), strict=True)
        return [f"{_numbers(row[:count])} {END} {_numbers(row[count:long])}" for row, count, long in rows]
    found = []
    for tokens, count, long in zip(x, kept, lengths, strict=True):
        parts = (tokens[None, :count], tokens[None, count:long])
        found.append(END.join(texts(space, part, part.new_full((1,), part.shape[1]))[0] for part in parts))
    return found


def _numbers(tokens: list[int]) -> str:
    return " ".join(map(str, tokens))


def _column(text: str) -> list[str]:
    lines = []
    for line in text.removesuffix("\n").split("\n"):
        lines += textwrap.wrap(printable(line.expandtabs(4)), WIDTH, drop_whitespace=False) or [""]
    return lines
