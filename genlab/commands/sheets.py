"""Sheets that show pictures beside their translations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genlab.evaluation.artefacts.grids import save_png

CELL = 256
"""Side of a picture in a sheet, pixels, at most."""

ROWS = 8
"""Pictures in a sheet."""


class Sheets:
    """Inputs beside their translations, `ROWS` pairs a sheet, written to ``folder`` as they fill up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = 0
        self.pairs: list[np.ndarray] = []

    def add(self, left: np.ndarray, right: np.ndarray) -> None:
        """One pair, ``(H, W, 3) uint8`` each; both are made to fit a cell."""
        self.pairs.append(np.concatenate([_cell(left), _cell(right)], 1))
        if len(self.pairs) == ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        if self.pairs:
            self.written += 1
            save_png(self.folder / f"sheet-{self.written:04d}.png", np.concatenate(self.pairs))
            self.pairs.clear()


def _cell(picture: np.ndarray) -> np.ndarray:
    """The picture in the middle of a grey square: reduced if large, enlarged by a whole factor if small."""
    from PIL import Image

    inner = CELL - 2
    height, width = picture.shape[:2]
    enlarge = max(1, inner // max(height, width))
    image = Image.fromarray(picture.repeat(enlarge, 0).repeat(enlarge, 1))
    image.thumbnail((inner, inner), Image.Resampling.BILINEAR)
    cell = np.full((CELL, CELL, 3), 64, np.uint8)
    top, left = (CELL - image.height) // 2, (CELL - image.width) // 2
    cell[top : top + image.height, left : left + image.width] = np.asarray(image)
    return cell
