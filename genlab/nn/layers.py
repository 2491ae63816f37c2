"""Linear layers at the speed of the processor: of oneDNN where MKL, which PyTorch calls, is held back.

On processors of AMD, MKL takes kernels of AVX2, also where the processor has AVX512 and oneDNN, which PyTorch brings
for convolutions, makes use of it: products of float32 matrices then take less than half the time, with the same 24
bits. Which library multiplies follows from processor, precision and size alone, so that a run repeats its bits.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

WORTH = 4_000_000
"""Multiplications from which the detour through Python, some 40 microseconds with its gradients, is paid for."""

_CPUINFO = Path("/proc/cpuinfo")


class Linear(nn.Linear):
    """``torch.nn.Linear``, multiplied by oneDNN where that is faster; parameters and their names are the same."""

    def forward(self, input: Tensor) -> Tensor:
        """``(..., in_features) -> (..., out_features)``."""
        if not _fits(input, self.weight):
            return super().forward(input)
        rows = input.reshape(-1, self.in_features)
        return product(rows, self.weight, self.bias).view(*input.shape[:-1], self.out_features)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x weight^T + bias`` by oneDNN: ``x (N, K)``, ``weight (M, K)``, ``bias (M,)``; ``(N, M)``. Differentiable."""
    if torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in (x, weight, bias)):
        made: Tensor = _Product.apply(x, weight, bias)
        return made
    return _multiplied(x, weight, bias)


class _Product(torch.autograd.Function):
    """Its gradients are products too, so that it can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _multiplied(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            product(grad, weight.t()) if of_x else None,
            product(grad.t(), x.t()) if of_weight else None,
            grad.sum(0) if of_bias else None,
        )


def _multiplied(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return made


def _fits(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() * weight.shape[0] >= WORTH
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not _transformed()
        and _held_back()
    )


def _transformed() -> bool:
    """Whether ``torch.func`` or forward-mode differentiation is at work, which knows nothing of `_Product`."""
    level: int = forward_ad._current_level
    return level >= 0 or bool(torch._C._are_functorch_transforms_active())


@cache
def _held_back() -> bool:
    """Whether MKL leaves half of this processor unused."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    try:
        return "AuthenticAMD" in _CPUINFO.read_text()
    except OSError:  # not Linux
        return False
