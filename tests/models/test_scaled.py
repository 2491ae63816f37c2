"""Coordinates in which a network sees the data."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.models import GAN
from genlab.models.scaled import Scaled


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_coordinates_of_levels_are_inverse(levels: int) -> None:
    model = GAN(DataSpec((1, 1, levels), levels), hidden=[4])
    x = torch.arange(levels, dtype=torch.uint8).view(1, 1, 1, levels)
    u = model.to_network(x)
    assert (u.min(), u.max()) == (-1, 1)
    assert torch.equal(model.to_data(u), x)


class Bare(Scaled):
    """Coordinates and nothing else."""

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        return self.to_data(torch.randn(n, *self.spec.event_shape, generator=generator))


def test_the_first_batch_of_vectors_sets_the_scale_and_later_ones_nothing() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])  # the second coordinate does not vary
    model = Bare(DataSpec((2,), None))
    model.anchor(x)
    model.anchor(10 * x)
    assert model.to_network(x).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert torch.equal(model.to_data(model.to_network(x)), x)


def test_a_loaded_model_keeps_the_scale_that_it_was_saved_with() -> None:
    x = torch.tensor([[1.0], [3.0]])
    saved, loaded = Bare(DataSpec((1,), None)), Bare(DataSpec((1,), None))
    saved.anchor(x)
    assert not loaded.is_anchored
    loaded.load_state_dict(saved.state_dict())
    loaded.anchor(x + 100)
    assert torch.equal(loaded.to_network(x), saved.to_network(x))
    loaded.load_state_dict(Bare(DataSpec((1,), None)).state_dict())
    assert not loaded.is_anchored, "the state says that no batch was seen"


def test_coordinates_out_of_the_box_are_the_nearest_level() -> None:
    model = Bare(DataSpec((1, 1, 3), 3))
    assert model.to_data(torch.tensor([[[[-7.0, 0.2, 7.0]]]])).flatten().tolist() == [0, 1, 2]
