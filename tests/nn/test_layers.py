"""Linear layers by oneDNN are linear layers: values, gradients, second gradients, names, and when they are used."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from genlab.nn import layers
from genlab.nn.layers import Linear, product

pytestmark = pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this PyTorch has no oneDNN")


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    """By oneDNN whatever the processor and the size; the shapes of the inputs that went there."""
    seen: list[tuple[int, ...]] = []
    multiplied = layers._multiplied

    def watched(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        seen.append(tuple(x.shape))
        return multiplied(x, weight, bias)

    monkeypatch.setattr(layers, "_held_back", lambda: True)
    monkeypatch.setattr(layers, "WORTH", 1)
    monkeypatch.setattr(layers, "_multiplied", watched)
    return seen


def made(inputs: int, outputs: int, *, bias: bool = True) -> tuple[Linear, nn.Linear]:
    """A layer, and PyTorch's with the same parameters."""
    torch.manual_seed(0)
    own = Linear(inputs, outputs, bias=bias)
    usual = nn.Linear(inputs, outputs, bias=bias)
    usual.load_state_dict(own.state_dict())
    return own, usual


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 6), (33, 6), (5, 7, 6), (2, 3, 4, 6), (0, 6)])
def test_values_and_gradients_are_those_of_pytorch(
    shape: tuple[int, ...], bias: bool, everywhere: list[tuple[int, ...]]
) -> None:
    own, usual = made(6, 9, bias=bias)
    x = torch.randn(shape, requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    direction = torch.randn(*shape[:-1], 9)
    (own(x) * direction).sum().backward()
    (usual(twin) * direction).sum().backward()
    torch.testing.assert_close(own(x), usual(twin))
    torch.testing.assert_close(x.grad, twin.grad)
    for mine, theirs in zip(own.parameters(), usual.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)
    assert bool(everywhere) == bool(x.numel()), "oneDNN takes all but what is empty"


@pytest.mark.parametrize("kind", ["columns", "every other row", "turned", "spread"])
def test_inputs_that_are_not_contiguous(kind: str, everywhere: list[tuple[int, ...]]) -> None:
    own, usual = made(6, 9)
    x = {
        "columns": torch.randn(8, 13)[:, 3:9],
        "every other row": torch.randn(16, 6)[::2],
        "turned": torch.randn(6, 8).t(),
        "spread": torch.randn(1, 6).expand(8, 6),
    }[kind]
    torch.testing.assert_close(own(x), usual(x))
    (gradient,) = torch.autograd.grad(own(x).sum(), own.weight)  # of a sum: a gradient that is spread
    torch.testing.assert_close(gradient, x.sum(0).expand(9, 6))


def test_second_gradients_are_those_of_pytorch(everywhere: list[tuple[int, ...]]) -> None:
    own, usual = made(6, 5)
    penalties = []
    for layer in (own, usual):
        x = torch.linspace(-1, 1, 24).view(4, 6).requires_grad_()
        (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
        slope.square().sum().backward()
        penalties.append([layer.weight.grad, layer.bias.grad, x.grad])
    for mine, theirs in zip(*penalties, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_what_needs_no_gradient_gets_none(everywhere: list[tuple[int, ...]]) -> None:
    own, _ = made(6, 9)
    own.weight.requires_grad_(False)
    x = torch.randn(4, 6)
    own(x).sum().backward()
    assert own.weight.grad is None
    assert own.bias.grad is not None
    assert len(everywhere) == 1, "a product whose result nobody asks for"
    with torch.no_grad():
        assert not own(x).requires_grad


def test_other_precisions_and_small_products_stay_with_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_held_back", lambda: True)
    monkeypatch.setattr(layers, "product", lambda *args: pytest.fail("went by oneDNN"))
    own, _ = made(6, 9)
    own(torch.randn(8, 6))  # too small
    monkeypatch.setattr(layers, "WORTH", 0)
    copy.deepcopy(own).double()(torch.randn(8, 6, dtype=torch.float64))
    own.to(torch.bfloat16)(torch.randn(8, 6, dtype=torch.bfloat16))
    with torch.autocast("cpu", torch.bfloat16):
        Linear(6, 9)(torch.randn(8, 6))
    monkeypatch.setattr(layers, "_held_back", lambda: False)
    Linear(6, 9)(torch.randn(8, 6))


def test_only_a_processor_on_which_mkl_is_held_back_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr(layers, "_CPUINFO", told)
    for vendor, capability, expected in [
        ("AuthenticAMD", "AVX512", True),
        ("AuthenticAMD", "AVX2", False),
        ("GenuineIntel", "AVX512", False),
    ]:
        told.write_text(f"processor : 0\nvendor_id : {vendor}\n")
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda name=capability: name)
        layers._held_back.cache_clear()
        assert layers._held_back() is expected
    told.unlink()
    layers._held_back.cache_clear()
    assert layers._held_back() is False
    monkeypatch.undo()
    layers._held_back.cache_clear()


def test_a_product_repeats_its_bits() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(300, 200), torch.randn(100, 200)
    assert all(torch.equal(product(x, weight), product(x.clone(), weight.clone())) for _ in range(3))


def test_function_transforms_and_forward_mode_see_through_it(everywhere: list[tuple[int, ...]]) -> None:
    own, usual = made(6, 9)
    x, direction = torch.randn(4, 6), torch.randn(4, 6)
    pushed = [torch.func.jvp(layer, (x,), (direction,))[1] for layer in (own, usual)]
    torch.testing.assert_close(*pushed)
    torch.testing.assert_close(torch.func.vmap(own)(x), usual(x))
    torch.testing.assert_close(torch.func.grad(lambda x: own(x).sum())(x), own.weight.sum(0).expand(4, 6))
    with torch.autograd.forward_ad.dual_level():
        dual = own(torch.autograd.forward_ad.make_dual(x, direction))
        tangent = torch.autograd.forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(tangent, direction @ own.weight.T)
    assert everywhere == [], "oneDNN, which knows no transforms"
