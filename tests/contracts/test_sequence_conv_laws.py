"""Laws of causal convolutions over time: a queue is as good as padding, and how far a network sees is what it says."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from genlab.data.dataset import DataSpec
from genlab.data.spaces import Tokens
from genlab.models.sequence.causal_conv import CausalConv1d, WeightNormed, as_steps, over_time, remembering
from genlab.models.sequence.tcn import TCN, Blocks
from genlab.models.sequence.wavenet import WaveNet


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("layer", [CausalConv1d, WeightNormed])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 1), (2, 4), (3, 1), (3, 2), (5, 3)])
@pytest.mark.parametrize(
    "cuts", [[1] * 40, [40], [1, 39], [7, 1, 1, 20, 1, 2, 8], [3] * 13 + [1], [16, 1] + [2] * 11 + [1]], ids=str
)
def test_a_queue_is_as_good_as_padding(layer, kernel_size, dilation, cuts):
    conv = layer(3, 5, kernel_size, dilation).double()
    x = torch.randn(2, 3, 40, dtype=torch.float64)
    memory = remembering(conv, 2)
    parts = [as_steps(conv(over_time(part, memory), memory)) for part in x.mT.split(cuts, 1)]
    torch.testing.assert_close(torch.cat(parts, 1).mT, conv(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("steps", [*range(1, 10), 20])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 1), (2, 4), (3, 1), (3, 2), (4, 3)])
def test_a_causal_convolution_is_that_of_pytorch_with_zeros_before(kernel_size, dilation, steps):
    conv = CausalConv1d(3, 5, kernel_size, dilation).double()
    theirs = nn.Conv1d(3, 5, kernel_size, dilation=dilation, padding=conv.reach).double()
    theirs.load_state_dict(conv.state_dict())
    x = torch.randn(2, 3, steps, dtype=torch.float64)
    torch.testing.assert_close(conv(x), theirs(x)[:, :, :steps])


def test_weights_are_normed_as_pytorch_norms_them():
    ours = WeightNormed(3, 5, 3).double()
    theirs = weight_norm(nn.Conv1d(3, 5, 3).double(), dim=0)
    with torch.no_grad():  # away from the beginning, where the length is that of the weight
        ours.weight.copy_(torch.randn_like(ours.weight))
        ours.scale.copy_(torch.randn_like(ours.scale))
    weights = theirs.parametrizations["weight"]
    theirs.load_state_dict(
        {
            "bias": ours.bias,
            "parametrizations.weight.original0": ours.scale,
            "parametrizations.weight.original1": ours.weight,
        }
    )
    torch.testing.assert_close(ours.filters(), theirs.weight)
    weighing = torch.randn_like(theirs.weight)
    grads = torch.autograd.grad((ours.filters() * weighing).sum(), [ours.scale, ours.weight])
    theirs_ = torch.autograd.grad((theirs.weight * weighing).sum(), [weights.original0, weights.original1])
    torch.testing.assert_close(grads, theirs_)


def test_norming_changes_nothing_at_the_beginning_and_copies_have_weights_of_their_own():
    conv = WeightNormed(3, 5, 3)
    torch.testing.assert_close(conv.filters(), conv.weight)
    copied = copy.deepcopy(conv)
    with torch.no_grad():
        conv.scale *= 2
    torch.testing.assert_close(conv.filters(), 2 * copied.filters())


def test_a_queue_computes_its_filters_once(monkeypatch):
    model = TCN(DataSpec(space=Tokens(20, 3)), levels=2, width=4)
    calls = []
    monkeypatch.setattr(WeightNormed, "filters", lambda conv: calls.append(conv) or conv.weight)
    model.sample(2)
    assert len(calls) == 4  # one for each convolution, however many steps are drawn


def test_a_block_that_changes_the_width_has_a_convolution_beside_it():
    body = Blocks(2, 4, levels=2, kernel_size=2)
    assert [level.skip is None for level in body.levels] == [False, True]
    assert body(torch.randn(3, 6, 2)).shape == (3, 6, 4)


def seen(model, steps: int) -> int:
    """Steps that the last step of the body's result depends on."""
    h = torch.randn(1, steps, model.start.shape[0], requires_grad=True)
    (gradient,) = torch.autograd.grad(model.body(h)[0, -1].sum(), h)
    felt = gradient[0].abs().sum(1) > 0
    assert felt[steps - int(felt.sum()) :].all()  # without a gap
    return int(felt.sum())


@pytest.mark.parametrize("kernel_size", [2, 3, 4])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_tcn_sees_as_far_as_it_says(levels, kernel_size):
    model = TCN(DataSpec(space=Tokens(60, 3)), levels=levels, kernel_size=kernel_size, width=32)
    assert model.receptive_field == 1 + 2 * (kernel_size - 1) * (2**levels - 1)
    assert seen(model, model.receptive_field + 5) == model.receptive_field


@pytest.mark.parametrize(("layers", "cycles", "kernel_size"), [(1, 1, 2), (3, 1, 2), (3, 2, 2), (2, 3, 3)])
def test_a_wavenet_sees_as_far_as_it_says(layers, cycles, kernel_size):
    small = {"width": 16, "skip_width": 8}
    model = WaveNet(DataSpec(space=Tokens(60, 3)), layers=layers, cycles=cycles, kernel_size=kernel_size, **small)
    assert model.receptive_field == 1 + cycles * (kernel_size - 1) * (2**layers - 1)
    assert seen(model, model.receptive_field + 5) == model.receptive_field


def test_the_condition_enters_every_gate_of_a_wavenet_and_nothing_else():
    model = WaveNet(DataSpec(space=Tokens(6, 3), num_classes=4), layers=2, width=8, skip_width=8, condition="label")
    x, c = torch.randint(3, (2, 6)), torch.tensor([1, 3])
    (gradient,) = torch.autograd.grad(model.log_prob(x, c).sum(), model.context.weight)
    assert (gradient[:, c].unflatten(0, (len(model.gates), 16)).abs().sum(1) > 0).all()
    assert not gradient[:, [0, 2]].any()
    with torch.no_grad():
        model.context.weight.zero_()
    torch.testing.assert_close(model.log_prob(x, c), model.log_prob(x, c.roll(1)))
