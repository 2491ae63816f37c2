"""Generators and discriminators of the translators: sizes, patches, noise, and the published numbers of parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genlab.models.translation.generators import (
    ResNetGenerator,
    UNetGenerator,
    halvings,
    instance_norm,
    residual_blocks,
)
from genlab.models.translation.patchgan import PATCHES, PatchGAN, layers_of, patch_size


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_instance_norm_is_pytorch_s() -> None:
    x = torch.randn(3, 5, 6, 7)
    assert torch.allclose(instance_norm(5, affine=False)(x), nn.InstanceNorm2d(5)(x), atol=1e-5)


def test_numbers_of_parameters_are_those_of_the_authors_code() -> None:
    generator = ResNetGenerator(3, 3, channels=64, blocks=9)
    # theirs also have the biases that instance normalisation takes out again
    normalised = [m.out_channels for m in generator.modules() if getattr(m, "bias", 0) is None and hasattr(m, "stride")]
    assert round((count(generator) + sum(normalised)) / 1e6, 3) == 11.378
    assert round(count(UNetGenerator(3, 3, size=256, channels=64, dropout=0.5)) / 1e6, 3) == 54.414
    assert round(count(PatchGAN(6, channels=64, layers=3, affine=True)) / 1e6, 3) == 2.769


def test_weights_begin_normal_with_deviation_one_fiftieth() -> None:
    network = UNetGenerator(3, 3, size=64, channels=16, dropout=0.5)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.weight.numel() > 5000:
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.GroupNorm):
            assert (module.weight - 1).abs().mean().item() == pytest.approx(0.016, rel=0.5)


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 17), (37, 30)])
def test_the_residual_generator_takes_pictures_of_any_size(size: tuple[int, int], levels: int) -> None:
    network = ResNetGenerator(3, 1, channels=4, blocks=2, halvings=levels)
    y = network(torch.randn(2, 3, *size))
    assert y.shape == (2, 1, *size)
    assert y.abs().max() <= 1


def test_padding_leaves_sizes_that_need_none_alone() -> None:
    network, x = ResNetGenerator(3, 3, channels=4, blocks=1).eval(), torch.randn(1, 3, 16, 24)
    assert torch.equal(network(x), network.body(x))


@pytest.mark.parametrize("size", [2, 8, 28, 30, 64])
def test_the_u_net_goes_down_as_far_as_the_size_allows(size: int) -> None:
    network = UNetGenerator(3, 1, size=size, channels=2, dropout=0.5)
    assert len(network.down) == len(network.up) == size.bit_length() - 1
    seen = []
    network.down[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.shape[-1]))
    assert network(torch.randn(2, 3, size, size)).shape == (2, 1, size, size)
    assert seen == [1 if size & (size - 1) == 0 else 2]


def test_every_bridge_of_the_u_net_carries_something() -> None:
    network = UNetGenerator(3, 3, size=16, channels=4, dropout=0.0).double()
    network(torch.randn(1, 3, 16, 16, dtype=torch.double)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    for up in network.up[1:]:
        weight = up[1].weight.grad  # (inputs, outputs, 4, 4): from below, then the bridge
        below, bridge = weight.chunk(2)
        assert below.abs().sum() > 0
        assert bridge.abs().sum() > 0


def test_dropout_is_noise_from_the_generator_in_use_as_in_training() -> None:
    network, x = UNetGenerator(3, 3, size=16, channels=4, dropout=0.5).eval(), torch.randn(1, 3, 16, 16)
    one, same, other = (network(x, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    network.dropout = 0.0
    assert torch.equal(network(x), network(x))


def test_dropout_keeps_the_mean() -> None:
    from genlab.models.translation.generators import _dropped

    dropped = _dropped(torch.ones(100_000), 0.3, generator=torch.Generator().manual_seed(0))
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert (dropped == 0).double().mean().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("patch", PATCHES)
def test_one_judgement_sees_a_patch_of_the_size_it_is_named_after(patch: int) -> None:
    network = PatchGAN(1, channels=2, layers=layers_of(patch), affine=False).double()
    for name, module in network.body.named_children():
        if isinstance(module, nn.GroupNorm):  # which sees everything
            network.body.register_module(name, nn.Identity())
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.1, 1.0)
    x = torch.rand(1, 1, 160, 160, dtype=torch.double, requires_grad=True)
    y = network(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    rows, columns = x.grad[0, 0].nonzero().unbind(1)
    assert rows.max() - rows.min() + 1 == patch
    assert columns.max() - columns.min() + 1 == patch


def test_patches_fit_into_the_pictures() -> None:
    assert [patch_size(size) for size in (8, 28, 33, 34, 64, 69, 70, 256)] == [16, 16, 16, 34, 34, 34, 70, 70]


def test_judgements_of_256_pixels_are_30_by_30() -> None:
    assert PatchGAN(3, channels=2, layers=3, affine=False)(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_blocks_and_halvings_by_size() -> None:
    assert [halvings(size) for size in (8, 15, 16, 28, 256)] == [0, 0, 2, 2, 2]
    assert [residual_blocks(size) for size in (8, 15, 16, 128, 255, 256, 512)] == [2, 2, 6, 6, 6, 9, 9]
