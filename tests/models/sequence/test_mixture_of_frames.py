"""Mixtures of frames: their terms, the likeliest values, and draws are of one distribution."""

from __future__ import annotations

import itertools

import pytest
import torch

from genlab.errors import ConfigError
from genlab.models.sequence.mixture_of_frames import MixtureOfFrames


@pytest.fixture
def mixture():
    output = MixtureOfFrames(3, 2, 4)
    p = torch.randn(4, generator=torch.Generator().manual_seed(1)).double().log_softmax(0)
    each = 2 * torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(2)).double()
    return output, torch.cat([p, each.log_softmax(-1).flatten()])


EVERY = torch.tensor(list(itertools.product(range(2), repeat=3)))


def test_frames_sum_to_one_and_are_not_independent(mixture):
    output, out = mixture
    terms = output.log_prob(EVERY[:, None], out.expand(8, 1, -1))
    assert terms.shape == (8, 1, 3)
    p = terms.sum((1, 2)).exp()
    assert p.sum().item() == pytest.approx(1)
    marginal = torch.stack([p[EVERY[:, w] == 1].sum() for w in range(3)])
    independent = torch.where(EVERY == 1, marginal, 1 - marginal).prod(1)
    assert (p - independent).abs().max() > 0.01
    assert torch.equal(output.likeliest(out), (marginal > 0.5).long())


def test_draws_come_as_often_as_they_should(mixture):
    output, out = mixture
    u = torch.rand(40_000, output.num_noise, generator=torch.Generator().manual_seed(0))
    drawn = output.draw(out.expand(40_000, -1), u)
    found = torch.bincount(drawn @ torch.tensor([4, 2, 1]), minlength=8) / 40_000
    p = output.log_prob(EVERY[:, None], out.expand(8, 1, -1)).sum((1, 2)).exp()
    assert ((found - p).abs() < 5 * (p * (1 - p) / 40_000).sqrt()).all()
    cold = output.draw(out.expand(50, -1), u[:50], temperature=1e-4)
    assert len(cold.unique(dim=0)) == 1
    with pytest.raises(ConfigError, match=r"top_k=3: .* a mixture of frames has none"):
        output.draw(out.expand(5, -1), u[:5], top_k=3)
