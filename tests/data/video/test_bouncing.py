from __future__ import annotations

import torch

from genlab.data.video.bouncing import SPEEDS, film, paths


def test_things_go_straight_and_are_thrown_back_by_walls() -> None:
    found = paths(50, 200, room=16.0, side=24, generator=torch.Generator().manual_seed(0))
    assert found.min() >= 0
    assert found.max() <= 16
    assert found[:, :, 0].max() > 15.9
    steps = found.diff(dim=1)
    speed = steps.norm(dim=2)
    assert speed.max() <= SPEEDS[1] * 24 + 1e-9
    turned = (steps[:, 1:].abs() - steps[:, :-1].abs()).abs() > 1e-9  # a step that holds a wall is shorter
    assert 0 < turned.double().mean() < 0.5
    straight = ~(turned[:, :, 0] | turned[:, :, 1])
    assert (speed[:, 1:][straight] >= SPEEDS[0] * 24 - 1e-9).all()


def test_no_room_is_no_motion() -> None:
    assert not paths(3, 4, room=0.0, side=8, generator=torch.Generator()).any()


def test_a_film_shows_pictures_where_they_are_the_brighter_one_in_front() -> None:
    pictures = torch.tensor([3, 7], dtype=torch.uint8).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    positions = torch.tensor([[[[0.0, 0.0], [2.4, 0.6]], [[1.0, 1.0], [0.0, 2.0]]]])
    first, second = film(pictures, positions, side=4)[0].tolist()
    assert first == [[3, 3, 0, 0], [3, 7, 7, 0], [0, 7, 7, 0], [0, 0, 0, 0]]
    assert second == [[0, 0, 7, 7], [0, 0, 7, 7], [0, 3, 3, 0], [0, 3, 3, 0]]
