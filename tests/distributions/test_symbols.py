"""Distributions of a step: the likeliest value is the one whose probability is highest."""

from __future__ import annotations

import pytest
import torch

from genlab.distributions.symbols import BernoulliFrames, Categorical, CategoricalFrames, LogisticMixture


@pytest.mark.parametrize("output", [Categorical(5), BernoulliFrames(3), CategoricalFrames(3, 4), LogisticMixture(5, 3)])
def test_the_likeliest_value_is_that_of_the_highest_probability(output) -> None:
    out = 2 * torch.randn(4, 6, output.num_outputs, generator=torch.Generator().manual_seed(0)).double()
    found = output.likeliest(out)
    levels = {BernoulliFrames: 2, CategoricalFrames: 4}.get(type(output), 5)
    each = torch.stack([output.log_prob(torch.full_like(found, level), out) for level in range(levels)])
    assert torch.equal(found, each.argmax(0))
    assert len(found.unique()) > 1
