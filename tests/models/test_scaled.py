"""Coordinates in which a network sees the data."""

from __future__ import annotations

import pytest
import torch

from genlab.data.spaces import DataSpec
from genlab.models import GAN


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_coordinates_of_levels_are_inverse(levels: int) -> None:
    model = GAN(DataSpec((1, 1, levels), levels), hidden=[4])
    x = torch.arange(levels, dtype=torch.uint8).view(1, 1, 1, levels)
    u = model.to_network(x)
    assert (u.min(), u.max()) == (-1, 1)
    assert torch.equal(model.to_data(u), x)
