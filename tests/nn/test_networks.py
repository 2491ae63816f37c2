"""Networks: shapes at any picture size, what each output depends on, and gradients of all weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genlab.nn.networks import ConvDecoder, ConvEncoder, ResidualBlock, halvings, mlp
from genlab.nn.resnet import ResidualNetwork

SIZES = [(1, 1), (4, 4), (5, 9), (28, 28), (17, 3)]


def all_learn(network: nn.Module, x: torch.Tensor) -> bool:
    network(x).square().sum().backward()
    return all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_a_perceptron_has_its_widths_and_without_hidden_ones_is_linear() -> None:
    network = mlp(3, [5, 7], 2, activation=nn.Tanh)
    assert [(m.in_features, m.out_features) for m in network if isinstance(m, nn.Linear)] == [(3, 5), (5, 7), (7, 2)]
    assert sum(isinstance(m, nn.Tanh) for m in network) == 2
    linear = mlp(3, [], 2)
    a, b = torch.randn(2, 4, 3)
    zero = linear(torch.zeros(4, 3))
    assert torch.allclose(linear(a + b) + zero, linear(a) + linear(b), atol=1e-6)


def test_sides_are_halved_rounded_up_down_to_four_or_less() -> None:
    assert halvings(28) == [28, 14, 7, 4]
    assert halvings(5) == [5, 3]
    assert halvings(4) == [4]
    assert halvings(1) == [1]


@pytest.mark.parametrize("size", SIZES)
def test_pictures_of_any_size_go_to_features_and_back(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    shape = (3, *size)
    encoder = ConvEncoder(shape, channels=4, outputs=6)
    decoder = ConvDecoder(shape, channels=4, inputs=6, out_channels=5)
    features = encoder(torch.randn(2, *shape))
    assert features.shape == (2, 6)
    assert decoder(features).shape == (2, 5, *size)


def test_every_weight_of_encoder_and_decoder_learns() -> None:
    torch.manual_seed(0)
    assert all_learn(ConvEncoder((1, 9, 6), channels=4, outputs=3), torch.randn(4, 1, 9, 6))
    assert all_learn(ConvDecoder((1, 9, 6), channels=4, inputs=3, out_channels=2), torch.randn(4, 3))


@pytest.mark.parametrize("channels", [1, 3, 6, 8])
def test_a_residual_block_adds_to_its_input(channels: int) -> None:
    """Without the last convolution it is the identity, exactly; any number of channels can be normalised."""
    torch.manual_seed(0)
    block, h = ResidualBlock(channels), torch.randn(2, channels, 5, 4)
    assert block(h).shape == h.shape
    assert not torch.equal(block(h), h)
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    assert torch.equal(block(h), h)


def test_a_residual_network_keeps_the_size_and_a_head_of_zeros_says_zero() -> None:
    torch.manual_seed(0)
    network, x = ResidualNetwork(2, channels=4, outputs=3, blocks=2), torch.randn(2, 2, 5, 7)
    assert network(x).shape == (2, 3, 5, 7)
    assert len(network.blocks) == 2
    assert all_learn(network, x)
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    assert network(x).abs().max() == 0


def test_examples_of_a_batch_do_not_touch_each_other() -> None:
    torch.manual_seed(0)
    network, x = ResidualNetwork(1, channels=4, outputs=1, blocks=1), torch.randn(3, 1, 6, 6)
    changed = x.clone()
    changed[1] += 1
    before, after = network(x), network(changed)
    assert torch.allclose(before[[0, 2]], after[[0, 2]], atol=1e-6)
    assert not torch.allclose(before[1], after[1], atol=1e-3)
