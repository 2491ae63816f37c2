"""Laws of the networks behind denoisers: shapes, and that they read all that they are given."""

from __future__ import annotations

import pytest
import torch

from genlab.data.spaces import Frames, Image, Space, Vector, Video, Waveform
from genlab.models.denoising import nullable_context
from genlab.models.diffusion.by_space import Size, network_given, noise_network
from genlab.models.diffusion.noise_networks import NoiseNetwork

SPACES: list[Space] = [
    Vector(2),
    Vector(7),
    Image(1, 8, 8, 17),
    Image(3, 9, 7, 256),
    Image(1, 3, 20, 2),
    Waveform(333, levels=256),
    Waveform(1000, channels=2),
    Frames(70, 5, 2),
    Video(4, 1, 8, 6, 256),
]


def made(space: Space, *, context: int = 0) -> NoiseNetwork:
    torch.manual_seed(0)
    network = noise_network(space, context=context, size=Size(width=16, blocks=1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return network.eval()


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_network_gives_what_it_is_given_and_begins_with_zero(space: Space) -> None:
    x = torch.randn(3, *space.shape)
    fresh = noise_network(space, context=0, size=Size(width=16, blocks=1))
    torch.testing.assert_close(fresh(x, torch.rand(3)), torch.zeros_like(x), rtol=0, atol=0)
    assert made(space)(x, torch.rand(3)).shape == x.shape


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_example_noise_and_context_all_count_and_no_other_example_does(space: Space) -> None:
    network, x, noise, c = (
        made(space, context=4),
        torch.randn(3, *space.shape),
        torch.tensor([0.2, 0.5, 0.9]),
        torch.randn(3, 4),
    )
    whole = network(x, noise, c)
    for other in ((x + 1, noise, c), (x, noise / 2, c), (x, noise, c + 1)):
        assert (network(*other) - whole).abs().flatten(1).amax(1).min() > 1e-4
    alone = network(x[1:2], noise[1:2], c[1:2])
    torch.testing.assert_close(alone, whole[1:2], rtol=1e-4, atol=1e-5)


def test_past_frames_are_read_as_pictures_where_they_are_and_may_be_hidden() -> None:
    torch.manual_seed(0)
    space, past = Video(2, 1, 24, 24, 17), Video(3, 1, 24, 24, 17)
    network = network_given(space, past, size=Size(width=8, blocks=1, attention=0)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    c = torch.randint(17, (2, *past.shape), dtype=torch.uint8)
    x, noise = torch.randn(2, *space.shape), torch.rand(2)
    read = nullable_context(past, c, like=x)
    assert read is not None
    assert read.shape == (2, past.dim + 1)
    whole = network(x, noise, read)
    assert whole.shape == x.shape
    other = c.clone()
    other[:, 1, :, 5, 7] = 16 - other[:, 1, :, 5, 7] + (other[:, 1, :, 5, 7] == 8)
    moved = (network(x, noise, nullable_context(past, other, like=x)) - whole).abs().amax((0, 1, 2))
    assert moved.argmax().item() // 24 in range(2, 9)
    assert moved.argmax().item() % 24 in range(4, 11)
    hidden = network(x, noise, nullable_context(past, None, like=x))
    assert torch.equal(hidden, network(x, noise, nullable_context(past, c, like=x, hidden=torch.tensor([True, True]))))
