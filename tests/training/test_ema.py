from __future__ import annotations

import pytest
import torch
from torch import nn

from genlab.training.ema import moving_average, ramped


def test_the_decay_rises_to_its_value() -> None:
    assert ramped(0.999, 0) == pytest.approx(0.1)
    assert ramped(0.999, 90) == pytest.approx(0.91)
    assert ramped(0.999, 10**6) == 0.999
    assert ramped(0.05, 0) == 0.05


def test_a_young_average_has_forgotten_the_first_weights() -> None:
    net, step = nn.Linear(1, 1, bias=False), 0
    average = moving_average(net, decay=0.999, updates=lambda: step)
    nn.init.constant_(net.weight, 100.0)
    average.update_parameters(net)  # the first update copies
    nn.init.constant_(net.weight, 1.0)
    while step < 300:
        step += 1
        average.update_parameters(net)
    assert average.module.weight.item() == pytest.approx(1.0, abs=1e-3)


def test_each_update_is_a_weighted_mean_by_the_updates_of_the_run() -> None:
    net = nn.Linear(1, 1, bias=False)
    average = moving_average(net, decay=0.9, updates=lambda: 7)
    average.update_parameters(net)  # the first one copies
    nn.init.constant_(average.module.weight, 0.0)
    nn.init.constant_(net.weight, 1.0)
    average.update_parameters(net)
    assert average.module.weight.item() == pytest.approx(1 - 8 / 17)
    assert not average.module.weight.requires_grad
    assert torch.equal(average.n_averaged, torch.tensor(2))
