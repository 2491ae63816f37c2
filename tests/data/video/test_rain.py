from __future__ import annotations

import torch

from genlab.data.video.rain import MOST, STEP, levels_of, rate_of


def test_levels_are_logarithms_of_rates_from_dry_to_the_most() -> None:
    found = levels_of(torch.tensor([0.0, 0.6, 1.92, MOST, 100.0]))
    assert found.tolist() == [0, 83, 131, 255, 255]
    assert (rate_of(torch.tensor([0, 255])) - torch.tensor([0.0, MOST])).abs().max() < 1e-4


def test_a_rate_of_the_radar_s_comes_back_to_about_a_per_cent_and_keeps_its_side_of_a_threshold() -> None:
    rate = STEP * torch.arange(246)
    again = rate_of(levels_of(rate))
    assert ((again - rate).abs() <= 0.012 * (rate + STEP)).all()
    assert len(levels_of(rate[:42]).unique()) == 42, "what is below 5 mm/h has a level of its own"
    for threshold in (0.5, 2.0):
        assert torch.equal(again >= threshold, rate >= threshold)
