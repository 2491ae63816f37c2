"""Sheets of pictures: what stands below what, for any number of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.data.spaces import DataSpec
from genlab.evaluation.artefacts.grids import dot, encoded, grid, scatter, stacked

GREY = DataSpec((1, 3, 3), 256)
EMPTY = 64
"""The grey of a place that no picture takes."""


def places(sheet: np.ndarray, columns: int) -> np.ndarray:
    """The value of each place of a sheet of one-coloured pictures ``3 x 3``, row by row."""
    factor = sheet.shape[1] // (4 * columns + 1)
    return sheet[::factor, ::factor, 0][2::4, 2::4]


@pytest.mark.parametrize("n", [1, 3, 7, 8, 9, 13, 16, 17])
@pytest.mark.parametrize("parts", [2, 3])
def test_what_belongs_together_stands_in_one_column(n: int, parts: int) -> None:
    rows = [torch.full((n, 1, 3, 3), 0.0) + 70 * part + torch.arange(n)[:, None, None, None] for part in range(parts)]
    columns = min(n, 8)
    found = places(stacked(rows, GREY), columns)
    assert found.shape == (-(-n // 8) * parts, columns)
    for i in range(n):
        for part in range(parts):
            assert found[i // 8 * parts + part, i % 8] == 70 * part + i
    assert (found == EMPTY).sum() == found.size - n * parts + (n > EMPTY)


def test_a_grid_is_filled_row_by_row() -> None:
    x = torch.arange(5)[:, None, None, None].expand(5, 1, 3, 3) + 100
    assert places(grid(x, GREY), 3).tolist() == [[100, 101, 102], [103, 104, EMPTY]]
    assert places(grid(x, GREY, columns=2), 2).tolist() == [[100, 101], [102, 103], [104, EMPTY]]


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 2), (1, 4, 5, 3)])
def test_what_is_no_picture_is_not_written(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not \(H, W, 3\) or \(H, W, 1\)"):
        encoded(np.zeros(shape, np.uint8))


def test_few_points_are_seen_and_many_stay_small():
    few, many = torch.zeros(1, 2), torch.rand(5000, 2) * 2 - 1
    drawn = scatter([few], bounds=(-1.0, 1.0, -1.0, 1.0))
    blue = (drawn[..., 2].astype(int) - drawn[..., 0]) > 100
    assert 10 < blue.sum() < 200  # a dot, not a trace of one
    assert dot(len(many)) == 1.0
