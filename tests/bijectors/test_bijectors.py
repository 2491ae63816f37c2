"""Bijectors: both directions, the log-determinant by autograd, what each moves, and the statistics some learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from genlab.bijectors import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    BatchNorm,
    Bijector,
    Chain,
    Checkerboard,
    DiagonalScale,
    EvenOdd,
    Flatten,
    Halves,
    Logit,
    MultiScale,
    Partition,
    Squeeze,
)
from genlab.bijectors.moments import moments
from genlab.data.spaces import DataSpec
from genlab.models import nice, realnvp
from genlab.nn.networks import mlp
from genlab.nn.resnet import ResidualNetwork
from tests.contracts.catalogue import perturbed

PICTURE = (2, 4, 6)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(partition: Partition, factor: int, shape: tuple[int, ...]) -> nn.Module:
    if len(shape) == 1:
        return mlp(partition.inputs, [16], factor * partition.moved)
    return ResidualNetwork(partition.inputs, channels=8, outputs=factor * partition.moved, blocks=1)


PARTITIONS: dict[str, tuple[tuple[int, ...], Callable[[int], Partition]]] = {
    "even": ((6,), lambda keep: Halves(6, keep=keep)),
    "odd": ((5,), lambda keep: Halves(5, keep=keep)),
    "plane": ((2,), lambda keep: Halves(2, keep=keep)),
    "channels": (PICTURE, lambda keep: Halves(2, keep=keep)),
    "checkerboard": (PICTURE, lambda keep: Checkerboard(PICTURE, keep=keep)),
}


def affine(partition: Partition, shape: tuple[int, ...]) -> Bijector:
    return AffineCoupling(partition, net(partition, 2, shape))


def additive(partition: Partition, shape: tuple[int, ...]) -> Bijector:
    return AdditiveCoupling(partition, net(partition, 1, shape))


def batchnorm(features: int) -> Bijector:
    made = BatchNorm(features)
    made.mean.normal_()
    made.variance.uniform_(0.3, 3)
    return made


def two_scales() -> Bijector:
    """Squeeze, then half leaves; distinct parameters in every channel show where a number went."""
    return MultiScale([Chain([ActNorm(2), Squeeze(), ActNorm(8)]), ActNorm(4)], shape=PICTURE)


BIJECTORS: dict[str, tuple[tuple[int, ...], Callable[[], Bijector]]] = {
    **{
        f"{kind.__name__}-{name}-{keep}": (
            shape,
            lambda kind=kind, make=make, keep=keep, shape=shape: kind(make(keep), shape),
        )
        for kind in (affine, additive)
        for name, (shape, make) in PARTITIONS.items()
        for keep in (0, 1)
    },
    "actnorm-vector": ((5,), lambda: ActNorm(5)),
    "actnorm-picture": (PICTURE, lambda: ActNorm(2)),
    "batchnorm-vector": ((5,), lambda: batchnorm(5)),
    "batchnorm-picture": (PICTURE, lambda: batchnorm(2)),
    "scale": ((5,), lambda: DiagonalScale(5)),
    "logit": (PICTURE, lambda: Logit(alpha=0.05)),
    "flatten": (PICTURE, lambda: Flatten(PICTURE)),
    "even-odd": ((5,), EvenOdd),
    "squeeze": (PICTURE, Squeeze),
    "multi-scale": (PICTURE, two_scales),
    "chain": ((4,), lambda: Chain([ActNorm(4), affine(Halves(4, keep=0), (4,)), DiagonalScale(4)])),
    "realnvp-vector": ((3,), lambda: realnvp(DataSpec((3,), None), couplings=3, hidden=[8]).bijector),
    "realnvp-picture": ((1, 8, 8), lambda: realnvp(DataSpec((1, 8, 8), 5), couplings=2, channels=2).flow.bijector),
    "nice-vector": ((3,), lambda: nice(DataSpec((3,), None), hidden=[8]).bijector),
}


def inputs(shape: tuple[int, ...], n: int = 3) -> Tensor:
    return torch.rand(n, *shape, generator=seeded(), dtype=torch.float64)  # in (0, 1), where the logit lives


def slogdet(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``log |det|`` of the Jacobian at each example, by autograd."""
    values = []
    for example in x:
        jacobian = torch.autograd.functional.jacobian(lambda row: function(row[None]).flatten(), example)
        values.append(torch.linalg.slogdet(jacobian.reshape(x[0].numel(), x[0].numel())).logabsdet)
    return torch.stack(values)


@pytest.mark.parametrize("name", BIJECTORS)
def test_a_bijector_inverts_and_matches_autograd_s_slogdet(name: str) -> None:
    shape, make = BIJECTORS[name]
    bijector, x = perturbed(make), inputs(shape)
    z, log_det = bijector.forward_and_log_det(x)
    again, back = bijector.inverse_and_log_det(z)
    assert log_det.shape == back.shape == (len(x),)
    assert torch.allclose(again, x, atol=1e-9)
    assert torch.allclose(back, -log_det, atol=1e-9)
    assert torch.allclose(log_det, slogdet(lambda row: bijector.forward_and_log_det(row).value, x), atol=1e-8)
    assert torch.allclose(back, slogdet(lambda row: bijector.inverse_and_log_det(row).value, z), atol=1e-8)


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("name", PARTITIONS)
def test_a_coupling_keeps_one_part_and_moves_the_other_by_it(name: str, keep: int) -> None:
    """The Jacobian is the identity on the rows of A, and on the rows of B diagonal in B and full in A."""
    shape, make = PARTITIONS[name]
    coupling, x = perturbed(lambda: affine(make(keep), shape)), inputs(shape, 1)
    size = x.numel()
    jacobian = torch.autograd.functional.jacobian(lambda row: coupling.forward_and_log_det(row).value, x)
    jacobian = jacobian.reshape(size, size)
    moves = (jacobian != torch.eye(size)).any(1)
    if name == "checkerboard":
        i, j = torch.arange(shape[1])[:, None], torch.arange(shape[2])
        expected = ((i + j) % 2 != keep).expand(shape).flatten()
    else:
        first = torch.arange(shape[0]) < shape[0] - shape[0] // 2
        expected = (first if keep else ~first).repeat_interleave(size // shape[0])
    assert torch.equal(moves, expected)
    within = jacobian[moves][:, moves]
    assert torch.equal(within, within.diagonal().diag())
    assert (jacobian[moves][:, ~moves] != 0).any(1).all()


def test_the_scale_of_an_affine_coupling_is_bounded() -> None:
    """``|s| <= |c|``, whatever the network says."""
    coupling = affine(Halves(4, keep=0), (4,))
    nn.init.constant_(coupling.net[-1].bias, 1e6)
    assert torch.allclose(coupling.forward_and_log_det(torch.randn(3, 4)).log_det, torch.tensor(2.0))


def test_squeeze_makes_channels_of_the_pixels_of_each_square() -> None:
    x = torch.arange(2 * 4 * 4, dtype=torch.float32).view(1, 2, 4, 4)
    z = Squeeze().forward_and_log_det(x).value
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        first = (2 * i + j) * 2
        assert torch.equal(z[:, first : first + 2], x[:, :, i::2, j::2])


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4)])
def test_actnorm_starts_from_its_first_training_batch_and_only_from_that(shape: tuple[int, ...]) -> None:
    x = 3 + 2 * torch.randn(64, *shape, generator=seeded())
    x[:, 2] = 7.0  # constant
    norm = ActNorm(3)
    norm.eval()
    assert torch.equal(norm.forward_and_log_det(x).value, x)
    norm.train()
    mean, variance = moments(norm.forward_and_log_det(x).value)
    assert torch.allclose(mean, torch.zeros(3), atol=1e-5)
    assert torch.allclose(variance, torch.tensor([1.0, 1.0, 0.0]), atol=1e-4)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    norm.forward_and_log_det(10 * x)
    other = ActNorm(3)
    other.forward_and_log_det(x + 1)  # another batch, and then a checkpoint
    other.load_state_dict(before)
    other.forward_and_log_det(5 * x)
    for module in (norm, other):
        assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    fresh = ActNorm(3)
    norm.load_state_dict(fresh.state_dict())
    assert not torch.equal(norm.forward_and_log_det(x).value, x), "the state says that no batch was seen"


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4)])
def test_batchnorm_normalises_by_running_averages_that_include_the_batch(shape: tuple[int, ...]) -> None:
    norm = BatchNorm(3, momentum=0.75, eps=0.0).double()
    x = (3 + 2 * torch.randn(8, *shape, generator=seeded(), dtype=torch.float64)).requires_grad_()
    dims = [0, *range(2, x.ndim)]
    z, log_det = norm.forward_and_log_det(x)
    mean = 0.25 * x.mean(dims)
    variance = 0.75 + 0.25 * x.var(dims, correction=0)
    broadcast = (1, 3, *[1] * (x.ndim - 2))
    expected = (x - mean.view(broadcast)) / variance.sqrt().view(broadcast)
    assert torch.allclose(z, expected)
    gradients = [torch.autograd.grad(value.sin().sum(), x, retain_graph=True)[0] for value in (z, expected)]
    assert torch.allclose(*gradients), "the gradient passes through the batch's share"
    assert torch.allclose(norm.mean, mean)
    assert torch.allclose(norm.variance, variance)
    assert torch.allclose(log_det, -0.5 * variance.log().sum() * math.prod(shape[1:]))
    again, back = norm.inverse_and_log_det(z)  # still in training: the averages have moved already
    assert torch.allclose(again, x)
    assert torch.allclose(back, -log_det)
    assert torch.autograd.grad(log_det.sum(), x)[0].abs().min() > 0
    norm.eval()
    before = norm.mean.clone()
    assert torch.allclose(norm.forward_and_log_det(x).value, z)
    assert torch.equal(norm.mean, before)


def two_halves(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    x = torch.randn(8, 3, generator=seeded(), dtype=torch.float64)[4 * rank : 4 * rank + 4].requires_grad_()
    mean, variance = moments(x)
    (mean.sin() + variance.log()).sum().backward()
    norm = ActNorm(3)
    norm.forward_and_log_det(x.detach().float())
    state = {**norm.state_dict(), "mean": mean.detach(), "variance": variance.detach(), "gradient": x.grad}
    torch.save(state, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_share_the_statistics_of_their_batches(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(two_halves, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    x = torch.randn(8, 3, generator=seeded(), dtype=torch.float64).requires_grad_()
    mean, variance = moments(x)
    (mean.sin() + variance.log()).sum().backward()
    for state in (first, second):
        assert torch.allclose(state["mean"], mean)
        assert torch.allclose(state["variance"], variance)
        assert state["initialised"].item() == 1
    assert all(torch.equal(first[name], second[name]) for name in ("log_scale", "shift", "mean", "variance"))
    # two losses, each of both halves: the processes' gradients add up to twice that of one
    assert torch.allclose(torch.cat([first["gradient"], second["gradient"]]), 2 * x.grad)
