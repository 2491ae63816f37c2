"""The temporal convolutional network: residual blocks of dilated causal convolutions.

    z = relu(conv(relu(conv(h)))),      h <- relu(h + z),      dilation 1, 2, 4, ... from block to block

"An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling", S. Bai, J. Z. Kolter,
V. Koltun, 2018, https://arxiv.org/abs/1803.01271
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import DataSpec
from genlab.models.conditions import Condition
from genlab.models.sequence.causal_conv import CausalConv1d, Memory, WeightNormed, as_steps, over_time, remembering
from genlab.models.sequence.neural import NeuralSequence, Output
from genlab.signatures.ranges import Doublings, Positive, Taps, Unit


class Block(nn.Module):
    """Two convolutions, and what they read beside them.

    Args:
        inputs: features of a step.
        width: features of a step of the result; where it differs, what the block reads takes a 1x1 convolution.
        kernel_size: taps of each convolution.
        dilation: steps between them.
        dropout: of each convolution's result. The paper speaks of whole channels; its numbers come from single values,
            https://github.com/locuslab/TCN
    """

    def __init__(self, inputs: int, width: int, *, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = WeightNormed(inputs, width, kernel_size, dilation)
        self.second = WeightNormed(width, width, kernel_size, dilation)
        self.skip = CausalConv1d(inputs, width) if inputs != width else None
        self.drop = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, h: Tensor, memory: Memory | None = None) -> Tensor:
        """``(B, inputs, T) -> (B, width, T)``; see `CausalConv1d.forward`."""
        z = self.drop(F.relu(self.first(h, memory)))
        z = self.drop(F.relu(self.second(z, memory)))
        return F.relu(z + (h if self.skip is None else self.skip(h, memory)))


class Blocks(nn.Module):
    """The body of a TCN: a block for each power of two.

    Args:
        inputs: features of a step.
        width: of each block.
        levels: number of blocks.
        kernel_size: taps of each convolution.
        dropout: within blocks.
    """

    def __init__(self, inputs: int, width: int, *, levels: int, kernel_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            Block(width if i else inputs, width, kernel_size=kernel_size, dilation=2**i, dropout=dropout)
            for i in range(levels)
        )

    @property
    def receptive_field(self) -> int:
        """Steps that a step of the result depends on, itself among them."""
        return 1 + sum(each.reach for each in self.modules() if isinstance(each, CausalConv1d))

    def forward(self, h: Tensor, memory: Memory | None = None) -> Tensor:
        """``(B, T, inputs) -> (B, T, width)``; of the steps that follow what ``memory`` holds."""
        h = over_time(h, memory)
        for level in self.levels:
            h = level(h, memory)
        return as_steps(h)


class TCN(NeuralSequence):
    """A temporal convolutional network of sequences.

    Args:
        spec: the data's type.
        levels: number of residual blocks, of dilation 1, 2, 4, ...
        kernel_size: taps of each convolution.
        width: of the features.
        dropout: within blocks.
        output: "categorical", or "logistic_mixture" of levels on a line.
        num_mixtures: components of the mixture.
        condition: "label" or "vector", or None.

    Raises:
        ConfigError: the data are no sequences of integer levels, or lack the condition.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        levels: Doublings = 6,
        kernel_size: Taps = 3,
        width: Positive = 128,
        dropout: Unit = 0.0,
        output: Output = "categorical",
        num_mixtures: Positive = 10,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(spec, width=width, output=output, num_mixtures=num_mixtures, condition=condition)
        self.blocks = Blocks(width, width, levels=levels, kernel_size=kernel_size, dropout=dropout)

    @property
    def receptive_field(self) -> int:
        """Steps before a step that its distribution depends on: ``1 + 2 (kernel_size - 1) (2^levels - 1)``."""
        return self.blocks.receptive_field

    def memory(self, n: int) -> Memory:
        """A queue for each convolution."""
        return remembering(self.blocks, n)

    def body(self, h: Tensor, memory: Memory | None = None) -> Tensor:
        """See `NeuralSequence.body`."""
        return self.blocks(h, memory)
