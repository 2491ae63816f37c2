"""Laws of the networks behind denoisers: shapes, and that they read all that they are given."""

from __future__ import annotations

import pytest
import torch

from genlab.data.spaces import Space, Vector
from genlab.models.diffusion.noise_networks import NoiseNetwork, noise_network

SPACES: list[Space] = [Vector(2), Vector(7)]


def made(space: Space, *, context: int = 0) -> NoiseNetwork:
    torch.manual_seed(0)
    network = noise_network(space, context=context, width=32, blocks=1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)
    return network.eval()


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_network_gives_what_it_is_given_and_begins_with_zero(space: Space) -> None:
    x = torch.randn(3, *space.shape)
    fresh = noise_network(space, context=0, width=32, blocks=1)
    torch.testing.assert_close(fresh(x, torch.rand(3)), torch.zeros_like(x), rtol=0, atol=0)
    assert made(space)(x, torch.rand(3)).shape == x.shape


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_example_noise_and_context_all_count_and_no_other_example_does(space: Space) -> None:
    network, x, noise, c = made(space, context=4), torch.randn(3, *space.shape), torch.rand(3), torch.randn(3, 4)
    whole = network(x, noise, c)
    for other in ((x + 1, noise, c), (x, noise / 2, c), (x, noise, c + 1)):
        assert (network(*other) - whole).abs().flatten(1).amax(1).min() > 1e-4
    alone = network(x[1:2], noise[1:2], c[1:2])
    torch.testing.assert_close(alone, whole[1:2], rtol=1e-4, atol=1e-5)
