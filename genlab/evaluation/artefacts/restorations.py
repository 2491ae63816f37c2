"""A sheet of what was seen of pictures and what they may have been: a column for each picture, rows with names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

LEAST = 48
"""Pixels of a picture's side, at least: smaller ones are enlarged by a whole factor."""

PAD = 2
BACKGROUND = 64
INK = 235
LETTER = 6.2
"""Pixels of a letter, in width."""


def sheet(rows: Mapping[str, Tensor]) -> np.ndarray:
    """Pictures ``(n, C, H, W)`` on 0 ... 1, a row for each name, which stands on the left; ``(H, W, 3) uint8``."""
    from PIL import Image, ImageDraw

    first = next(iter(rows.values()))
    n, _, height, width = first.shape
    factor = max(1, -(-LEAST // min(height, width)))
    tall, wide = height * factor + PAD, width * factor + PAD
    left = round(LETTER * max(len(line) for name in rows for line in name.split("\n"))) + 10
    whole = np.full((len(rows) * tall + PAD, left + n * wide + PAD, 3), BACKGROUND, np.uint8)
    for number, pictures in enumerate(rows.values()):
        top = number * tall + PAD
        for i, picture in enumerate(_pixels(pictures)):
            begin = left + i * wide
            large = picture.repeat(factor, 0).repeat(factor, 1)
            whole[top : top + height * factor, begin : begin + width * factor] = large
    image = Image.fromarray(whole)
    pen = ImageDraw.Draw(image)
    for number, name in enumerate(rows):
        lines = name.count("\n") + 1
        pen.multiline_text((6, number * tall + PAD + (tall - 13 * lines) // 2), name, fill=(INK,) * 3, spacing=2)
    return np.asarray(image)


def _pixels(x: Tensor) -> np.ndarray:
    """``(n, H, W, 3) uint8``; of other numbers of channels than 3 the first is shown in grey."""
    levels = (x.detach().cpu().double().nan_to_num(0.0).clamp(0, 1) * 255).round().to(torch.uint8)
    shown = levels if levels.shape[1] == 3 else levels[:, :1].expand(-1, 3, -1, -1)
    return shown.permute(0, 2, 3, 1).numpy()
