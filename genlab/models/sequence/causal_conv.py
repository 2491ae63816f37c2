"""Causal dilated convolutions over time: in one pass over all steps, or step by step from a queue of what was read.

y_t = b + sum_(j < k) W_j x_(t - (k - 1 - j) d),      x_t = 0 before the first step
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalConv1d(nn.Module):
    """A causal dilated convolution.

    Args:
        inputs: features of a step.
        outputs: features of a step of the result.
        kernel_size: taps ``k``; of 1, each step by itself.
        dilation: steps ``d`` from one tap to the next.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.dilation, self.reach = dilation, (kernel_size - 1) * dilation
        bound = 1 / math.sqrt(inputs * kernel_size)  # as PyTorch's layers begin
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def filters(self) -> Tensor:
        """The taps, ``(outputs, inputs, k)``."""
        return self.weight

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """``(B, inputs, T) -> (B, outputs, T)``, or of a single step ``(B, inputs) -> (B, outputs)``.

        Args:
            x: all steps, or the one or those that follow what ``memory`` holds.
            memory: of the network's convolutions; it is brought up to these steps.
        """
        if memory is not None:
            return memory[self].read(x)
        # taps that lie before the first step everywhere read zeros alone
        reach = min(self.reach, (x.shape[2] - 1) // self.dilation * self.dilation)
        weight = self.filters()[:, :, (self.reach - reach) // self.dilation :]
        return F.conv1d(F.pad(x, (reach, 0)), weight, self.bias, dilation=self.dilation)


class WeightNormed(CausalConv1d):
    """Its taps have a length and a direction for each output, ``W = g V / |V|``, which are learned apart.

    "Weight Normalization", T. Salimans, D. P. Kingma, 2016, https://arxiv.org/abs/1602.07868
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int = 1, dilation: int = 1) -> None:
        super().__init__(inputs, outputs, kernel_size, dilation)
        self.scale = nn.Parameter(self._length().detach())

    def _length(self) -> Tensor:
        return self.weight.flatten(1).norm(dim=1)[:, None, None]

    def filters(self) -> Tensor:
        """See `CausalConv1d.filters`."""
        return self.weight * (self.scale / self._length())


class Queue:
    """The last inputs of a convolution, so that a step costs its k taps alone, as one product, however long the queue.

    "Fast Wavenet Generation Algorithm", T. Le Paine and others, 2016, https://arxiv.org/abs/1611.09482

    Step t lies in ``ring[t mod d]``, there in part ``(t div d) mod k`` of k: the taps of a step lie side by side.
    Nothing in the ring is ever moved; what turns is the order of the taps' weights, of which there are k.

    Args:
        conv: whose filters are computed once, here.
        n: sequences that are read at the same time.
    """

    def __init__(self, conv: CausalConv1d, n: int) -> None:
        self.weight, self.bias = conv.filters().detach(), conv.bias.detach()
        self.inputs, self.taps = self.weight.shape[1:]
        self.dilation, self.reach, self.count = conv.dilation, conv.reach, 0
        self.ring = self.weight.new_zeros(self.dilation, n, self.taps * self.inputs)
        turned = (self.weight.roll(slot + 1, 2) for slot in range(self.taps))
        self.products = [weight.permute(2, 1, 0).flatten(0, 1) for weight in turned]

    def read(self, x: Tensor) -> Tensor:
        """The convolution at a further step or steps, see `CausalConv1d.forward`; gradients are not kept."""
        return self._step(x) if x.dim() == 2 else self._steps(x)

    def _step(self, x: Tensor) -> Tensor:
        if self.taps == 1:
            return torch.addmm(self.bias, x, self.products[0])
        turn, phase = divmod(self.count, self.dilation)
        slot, seen = turn % self.taps, self.ring[phase]
        seen[:, slot * self.inputs : (slot + 1) * self.inputs] = x.detach()
        self.count += 1
        return torch.addmm(self.bias, seen, self.products[slot])

    def _steps(self, x: Tensor) -> Tensor:
        ring, end = self.ring.unflatten(2, (self.taps, -1)), self.count + x.shape[2]
        before = ring[self._places(self.count - self.reach, self.count)].permute(1, 2, 0)
        kept = x.detach()[:, :, -self.taps * self.dilation :]
        ring[self._places(end - kept.shape[2], end)] = kept.permute(2, 0, 1)
        self.count = end
        return F.conv1d(torch.cat([before, x], 2), self.weight, self.bias, dilation=self.dilation)

    def _places(self, begin: int, end: int) -> tuple[Tensor, slice, Tensor]:
        """Where the steps ``begin <= t < end`` lie."""
        t = torch.arange(begin, end, device=self.ring.device)
        return t % self.dilation, slice(None), t.div(self.dilation, rounding_mode="floor") % self.taps


Memory = dict[nn.Module, Queue]
"""The queue of each convolution of a network."""


def over_time(h: Tensor, memory: Memory | None) -> Tensor:
    """Steps ``(B, T, C)`` as convolutions read them, ``(B, C, T)``; a single one that follows others ``(B, C)``."""
    return h[:, 0] if memory is not None and h.shape[1] == 1 else h.transpose(1, 2).contiguous()


def as_steps(h: Tensor) -> Tensor:
    """The inverse of `over_time`."""
    return h[:, None] if h.dim() == 2 else h.transpose(1, 2)


def remembering(network: nn.Module, n: int) -> Memory:
    """Empty queues for n sequences of all causal convolutions of a network."""
    return {each: Queue(each, n) for each in network.modules() if isinstance(each, CausalConv1d)}
