"""Probabilities as integers: in proportion, and the same however the last bits of a pass fall."""

import math
from decimal import Decimal

import constriction
import numpy as np
import pytest
import torch

from genlab.codec.frequencies import LOWEST, STEPS, _powers, weights


def test_powers_are_those_of_exact_arithmetic():
    powers = _powers()
    assert powers[0] == 2**30
    assert powers[-1] == 0
    for k in (1, 77, STEPS, 1000, LOWEST * STEPS - 1):
        exact = (Decimal(-k) / STEPS).exp() * 2**30
        assert powers[k] == int(exact.to_integral_value())


def test_weights_are_the_probabilities_up_to_the_grid():
    log_p = torch.randn(500, 7, dtype=torch.float64).log_softmax(1)
    found = weights(log_p)
    share = found / found.sum(1, keepdims=True)
    lost = (log_p.exp().numpy() * (log_p.numpy() - np.log(share))).sum(1)  # KL of what is coded with
    assert 0 <= lost.mean() < 2 * (1 / STEPS) ** 2 / 24


def test_the_last_bits_of_a_pass_change_nothing():
    log_p = torch.randn(2000, 50, dtype=torch.float64)
    other = log_p * (1 + 1e-13 * torch.randn(log_p.shape, dtype=torch.float64)) + 3.7
    assert np.array_equal(weights(log_p), weights(other))


def test_a_coder_with_these_weights_takes_the_bits_of_the_probabilities():
    log_p = (3 * torch.randn(5000, 9, dtype=torch.float64)).log_softmax(1)
    values = log_p.exp().multinomial(1)[:, 0]
    family = constriction.stream.model.Categorical(perfect=False)
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(values.to(torch.int32).numpy(), family, weights(log_p))
    bits = -log_p.gather(1, values[:, None]).sum().item() / math.log(2)
    assert bits <= 32 * len(encoder.get_compressed()) <= bits * 1.0005 + 64


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        weights(torch.tensor([[0.0, math.nan]], dtype=torch.float64))


def test_impossible_levels_have_no_weight():
    assert weights(torch.tensor([[0.0, -math.inf, -30.0]], dtype=torch.float64)).tolist() == [[2.0**30, 0, 0]]
