"""WaveNet: gated dilated causal convolutions, each heard in the result.

    z_l = tanh(F_l * h_l + V_l c) sigmoid(G_l * h_l + U_l c)      dilation 1, 2, 4, ... within each cycle of layers
    h_(l+1) = h_l + R_l z_l                                        residual
    s = sum_l S_l z_l                                              skip
    output = B relu(A relu(s))

with convolutions ``F`` and ``G`` over time, all others of each step by itself, and a condition ``c`` of the whole
sequence. "WaveNet: A Generative Model for Raw Audio", A. van den Oord and others, 2016,
https://arxiv.org/abs/1609.03499
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import DataSpec
from genlab.models import conditions
from genlab.models.conditions import Condition, context
from genlab.models.sequence.causal_conv import CausalConv1d, Memory, as_steps, over_time, remembering
from genlab.models.sequence.neural import NeuralSequence, Output
from genlab.nn.layers import Linear
from genlab.signatures.ranges import Doublings, Positive, Taps, Unit


class WaveNet(NeuralSequence):
    """A WaveNet of sequences.

    Args:
        spec: the data's type.
        layers: of a cycle, of dilation 1, 2, 4, ...
        cycles: how often the dilations begin anew.
        kernel_size: taps of each convolution.
        width: of the features that pass from layer to layer.
        skip_width: of the sum of what all layers say.
        dropout: of what each layer reads.
        output: "categorical", or "logistic_mixture" of levels on a line.
        num_mixtures: components of the mixture.
        condition: "label" or "vector", or None; it enters every gate.

    Raises:
        ConfigError: the data are no sequences of integer levels, or lack the condition.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        layers: Doublings = 9,
        cycles: Positive = 2,
        kernel_size: Taps = 2,
        width: Positive = 64,
        skip_width: Positive = 128,
        dropout: Unit = 0.0,
        output: Output = "categorical",
        num_mixtures: Positive = 10,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(spec, width=width, output=output, num_mixtures=num_mixtures, condition=condition)
        dilations = cycles * [2**i for i in range(layers)]
        self.gates = nn.ModuleList(CausalConv1d(width, 2 * width, kernel_size, dilation) for dilation in dilations)
        self.residuals = nn.ModuleList(CausalConv1d(width, width) for _ in dilations[1:])
        self.skips = nn.ModuleList(CausalConv1d(width, skip_width) for _ in dilations)
        self.last = CausalConv1d(skip_width, skip_width)
        self.head = Linear(skip_width, self.output.num_outputs)
        self.drop = nn.Dropout(dropout) if dropout else nn.Identity()
        if given := conditions.width(self.given):
            self.context = Linear(given, len(dilations) * 2 * width, bias=False)

    @property
    def receptive_field(self) -> int:
        """Steps before a step that its distribution depends on: ``1 + cycles (kernel_size - 1) (2^layers - 1)``."""
        return 1 + sum(each.reach for each in self.modules() if isinstance(each, CausalConv1d))

    def memory(self, n: int) -> Memory:
        """A queue for each convolution."""
        return remembering(self, n)

    def _given(self, h: Tensor, c: Tensor | None) -> Tensor:
        """The condition beside each step, for the gates to read."""
        given = context(self.given, c)
        return h if given is None else torch.cat([h, given.to(h.dtype)[:, None].expand(-1, h.shape[1], -1)], 2)

    def body(self, h: Tensor, memory: Memory | None = None) -> Tensor:
        """See `NeuralSequence.body`; what it returns has the width of the sum ``s``."""
        width = len(self.start)
        h, c = over_time(h[:, :, :width], memory), h[:, 0, width:]
        given: tuple[Tensor, ...] | None = None
        if self.context is not None:
            given = self.context(c).view(len(h), -1, *[1] * (h.dim() - 2)).chunk(len(self.gates), 1)
        s: Tensor | float = 0.0
        for i, (gate, skip) in enumerate(zip(self.gates, self.skips, strict=True)):
            read = gate(self.drop(h), memory)
            filtered, gated = (read if given is None else read + given[i]).chunk(2, 1)
            z = torch.tanh(filtered) * torch.sigmoid(gated)
            s = s + skip(z, memory)
            if i < len(self.residuals):  # nothing reads what comes after the last layer
                h = h + self.residuals[i](z, memory)
        assert isinstance(s, Tensor)
        return as_steps(F.relu(self.last(F.relu(s), memory)))
