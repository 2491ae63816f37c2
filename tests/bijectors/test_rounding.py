"""Shifts by whole numbers, and the partition of chosen features."""

from __future__ import annotations

import torch
from torch import nn

from genlab.bijectors import AdditiveCoupling, Chosen, RoundedShift
from genlab.bijectors.rounding import rounded


def test_the_gradient_passes_the_rounding() -> None:
    t = torch.tensor([-1.6, 0.2, 2.5], requires_grad=True)
    value = rounded(t)
    assert value.tolist() == [-2.0, 0.0, 2.0]
    (value * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert t.grad is not None
    assert t.grad.tolist() == [1.0, 2.0, 3.0]


def test_a_coupling_with_rounded_shifts_is_one_to_one_on_integers() -> None:
    torch.manual_seed(0)
    shift = RoundedShift(nn.Sequential(nn.Linear(5, 20), nn.ReLU(), nn.Linear(20, 2)), integers=3, unit=10, step=50)
    coupling = AdditiveCoupling(Chosen(5, moved=[1, 3]), shift)
    x, c = torch.randint(-500, 500, (60, 5)).float(), torch.randn(60, 2)
    z, log_det = coupling.forward_and_log_det(x, c)
    assert not log_det.any()
    assert torch.equal(z, z.round())
    assert torch.equal(z[:, [0, 2, 4]], x[:, [0, 2, 4]])
    assert (z != x)[:, [1, 3]].any(0).all()
    assert torch.equal(coupling.inverse_and_log_det(z, c).value, x)
    assert not torch.equal(coupling.inverse_and_log_det(z, -c).value, x)


def test_a_network_reads_integers_in_units_and_the_rest_as_it_is() -> None:
    shift = RoundedShift(nn.Identity(), integers=2, unit=4, step=1)
    assert shift(torch.tensor([[8.0, -4.0, 3.0]])).tolist() == [[2.0, -1.0, 3.0]]


def test_chosen_features_return_to_their_places() -> None:
    partition = Chosen(5, moved=[4, 0])
    x = torch.arange(30.0).view(3, 5, 2)
    stays, moves = partition.split(x)
    assert (partition.inputs, partition.moved) == (3, 2)
    assert torch.equal(moves, x[:, [4, 0]])
    assert torch.equal(partition.merge(stays, moves), x)
