"""Text that was drawn: written to a file, and as small pictures."""

from __future__ import annotations

import textwrap
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from genlab.data.lengths import ended
from genlab.data.spaces import Tokens
from genlab.data.text.coding import written
from genlab.process.printable import harmless, printable

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LINE = 100
"""Characters of the longest example up to which a file of them has one on each line."""

COLUMNS, ROWS = 40, 12
"""Characters in a line of a picture, and lines, at most."""

POINTS = 11
INK, PAPER = 30, 255

SIGNS = {"\n": "↵", "\t": "→"}
"""Of characters that have a meaning in text, where they would break a line."""


def texts(space: Tokens, x: Tensor, lengths: Tensor | None = None) -> list[str]:
    """What tokens ``(B, L)`` write, up to the length of each; without lengths, up to the end that was drawn."""
    x = x.detach().cpu().round().long().clamp(0, space.vocabulary - 1)
    lengths = ended(space, x) if lengths is None else lengths
    long = [x.shape[1]] * len(x) if lengths is None else lengths.tolist()
    return [written(space, tokens[:length]) for tokens, length in zip(x, long, strict=True)]


def listing(space: Tokens, x: Tensor, lengths: Tensor | None = None) -> str:
    """A file of texts: numbers and short ones on a line each, long ones behind a heading; no control characters."""
    found = texts(space, x, lengths)
    if space.unit.count <= LINE or space.symbols is None:
        return "".join(f"{signs(text)}\n" for text in found)
    parts = []
    for i, text in enumerate(found):
        parts.append(f"----- sample {i + 1}, {len(text):,} characters -----")
        parts.append(f"{harmless(text)}\n")
    return "\n".join(parts)


def signs(text: str) -> str:
    """A text on one line, a final end of line left out: ends of lines and tabs as signs, other controls as escapes."""
    return printable("".join(SIGNS.get(char, char) for char in text.removesuffix("\n")))


def pictures(space: Tokens, x: Tensor) -> np.ndarray:
    """The beginning of each text, ``(B, H, W, 1) uint8``, in letters of one width; ``…`` where it goes on."""
    from PIL import Image, ImageDraw

    characters = max(1, round(space.characters * x.shape[1]))
    columns = min(COLUMNS, max(4, characters))
    rows = min(ROWS, -(-characters // columns) + (0 if characters <= COLUMNS else 4))
    pages = [_page(text, columns, rows) for text in texts(space, x)]
    font = _font()
    wide, high = round(font.getlength("M")), POINTS + 3
    found = np.full((len(pages), high * rows + 6, wide * columns + 8, 1), PAPER, np.uint8)
    for cell, page in zip(found, pages, strict=True):
        image = Image.new("L", (cell.shape[1], cell.shape[0]), PAPER)
        pen = ImageDraw.Draw(image)
        for row, line in enumerate(page):
            pen.text((4, 3 + high * row), line, fill=INK, font=font)
        cell[..., 0] = np.asarray(image)
    return found


def _page(text: str, columns: int, rows: int) -> list[str]:
    """Lines of at most ``columns`` characters, broken at words where there are any."""
    if rows == 1:
        line = signs(text)
        return [line if len(line) <= columns else f"{line[: columns - 1]}…"]
    lines = []
    for line in harmless(text).expandtabs(4).split("\n"):
        lines += textwrap.wrap(line, columns) or [""]
        if len(lines) > rows:
            break
    return lines if len(lines) <= rows else [*lines[: rows - 1], f"{lines[rows - 1][: columns - 1]}…"]


@lru_cache(maxsize=1)
def _font() -> FreeTypeFont:
    """DejaVu Sans Mono, which matplotlib brings along."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSansMono.ttf"), POINTS)
