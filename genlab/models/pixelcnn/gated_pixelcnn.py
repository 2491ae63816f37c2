"""The gated PixelCNN: two stacks, no blind spot, and a class to condition on.

A layer l has a vertical stack v, which sees whole rows, and a horizontal stack h, which sees its own row from the left
and, through the vertical stack, all rows above:

    a_v = W_v * v + V_v y                                  v' = tanh(a_v') sigmoid(a_v'')
    a_h = W_h * h + U a_v + V_h y                          h' = h + W tanh(a_h') sigmoid(a_h'')

where ``a'`` and ``a''`` are the halves of a, and y is the label, one-hot, where the model is given one. The first layer
reads the picture (``v = h = x``): there W_v sees the rows above only, W_h has mask A, and nothing is added to h'.

"Conditional Image Generation with PixelCNN Decoders", A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt,
A. Graves, K. Kavukcuoglu, 2016, https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import DataSpec
from genlab.distributions.pixels import PixelOutput
from genlab.models.conditions import width
from genlab.models.pixelcnn.causal import CausalConv2d, VerticalConv2d, channel_groups
from genlab.models.pixelcnn.incremental import CausalRow, Head, Pointwise, RowNetwork, Step, push
from genlab.models.pixelcnn.pixelcnn import PixelModel
from genlab.signatures.ranges import Kernel, NonNegative, Positive


def gate(a: Tensor) -> Tensor:
    """``tanh(a') sigmoid(a'')`` of the two halves of ``a: (B, 2 n, H, W)``."""
    left, right = a.chunk(2, 1)
    return torch.tanh(left) * torch.sigmoid(right)


class GatedLayer(nn.Module):
    """One layer of both stacks.

    Args:
        inputs: group of each input feature of the horizontal stack.
        channels: width of either stack.
        groups: of channels, which the horizontal stack keeps apart.
        mask: "A" for the layer that reads the picture, "B" for all others.
        kernel_size: of both stacks, odd.
        num_classes: of y; 0 for none.
    """

    def __init__(
        self,
        inputs: Tensor,
        *,
        channels: int,
        groups: int,
        mask: Literal["A", "B"],
        kernel_size: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        wide = channel_groups(channels, groups)
        self.vertical = VerticalConv2d(len(inputs), 2 * channels, mask=mask, kernel_size=kernel_size)
        self.horizontal = CausalConv2d(inputs, torch.cat([wide, wide]), mask=mask, kernel_size=(1, kernel_size))
        self.link = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.mix = CausalConv2d(wide, wide, mask="B", kernel_size=(1, 1))
        self.label = nn.Embedding(num_classes, 4 * channels) if num_classes else None  # V_v y and V_h y
        self.residual = mask == "B"

    def stacks(self, a: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """``a_v`` and ``U a_v + V_h y`` for ``a = W_v * v``, both ``(B, 2 channels, H, W)``."""
        if self.label is None or y is None:
            return a, self.link(a)
        vertical, horizontal = self.label(y)[:, :, None, None].chunk(2, 1)
        a = a + vertical
        return a, self.link(a) + horizontal

    def forward(self, v: Tensor, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """``(v', h')``."""
        a, from_above = self.stacks(self.vertical(v), y)
        update = self.mix(gate(self.horizontal(h) + from_above))
        return gate(a), h + update if self.residual else update


class _Network(nn.Module):
    """Layers and head, with an optional label on all layers."""

    def __init__(
        self,
        spec: DataSpec,
        output: PixelOutput,
        *,
        channels: int,
        blocks: int,
        kernel_size: int,
        head_channels: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        groups = output.groups
        wide, head = channel_groups(channels, groups), channel_groups(head_channels, groups)

        def layer(inputs: Tensor, mask: Literal["A", "B"], size: int) -> GatedLayer:
            return GatedLayer(
                inputs, channels=channels, groups=groups, mask=mask, kernel_size=size, num_classes=num_classes
            )

        picture = channel_groups(spec.event_shape[0], groups)
        self.layers = nn.ModuleList([layer(picture, "A", kernel_size), *(layer(wide, "B", 3) for _ in range(blocks))])
        self.head = CausalConv2d(wide, head, mask="B", kernel_size=(1, 1))
        self.last = CausalConv2d(head, channel_groups(output.num_outputs, groups), mask="B", kernel_size=(1, 1))

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        """``(B, C, H, W)`` on the scale 0 ... 1 to ``(B, num_outputs, H, W)``."""
        v, h = x, x
        for layer in self.layers:
            v, h = layer(v, h, y)
        return self.last(F.relu(self.head(F.relu(h))))


class _GatedRows(RowNetwork):
    """A `_Network` pixel by pixel: the vertical stack a row at a time, the horizontal one a pixel at a time."""

    def __init__(self, net: _Network, y: Tensor | None, *, batch: int, groups: int, width: int) -> None:
        self.y = y
        self.layers: list[GatedLayer] = []
        self.rows: list[CausalRow] = []
        self.mixes: list[Pointwise] = []
        self.above: list[Tensor] = []  # what each vertical stack sees, (batch, n, r, width)
        for layer in net.layers:
            assert isinstance(layer, GatedLayer)
            self.layers.append(layer)
            self.rows.append(CausalRow(layer.horizontal, width=width, batch=batch, groups=groups))
            self.mixes.append(Pointwise(layer.mix, batch=batch, groups=groups))
            _, inputs, rows, _ = layer.vertical.weight.shape
            self.above.append(layer.vertical.weight.new_zeros(batch, inputs, rows, width))
        self.image = self.rows[0]
        self.head = Head(net.head, net.last, batch=batch, groups=groups)
        self.out = self.head.out
        new_empty = self.image.row.new_empty
        self.gates = [new_empty(out.stop - out.start, batch) for out in self.image.out]
        self.h = [new_empty(len(x), batch) for x in self.mixes[0].x]

    def begin(self) -> None:
        v: Tensor | None = None
        for layer, row, above in zip(self.layers, self.rows, self.above, strict=True):
            if v is not None:
                push(above, v[:, :, 0])
            a, from_above = layer.stacks(layer.vertical.row(above), self.y)
            row.begin(from_above[:, :, 0])
            v = gate(a)

    def steps(self, column: int, group: int) -> Iterator[Step]:
        a = self.gates[group]
        left, right = a.chunk(2, 0)
        slots = [row.slot(column, group) for row in self.rows] + [self.h[group]]
        for i, (row, mix) in enumerate(zip(self.rows, self.mixes, strict=True)):
            yield row.step(column, group, out=a)
            yield left.tanh_
            yield right.sigmoid_
            yield partial(torch.mul, left, right, out=mix.x[group])
            yield mix.step(group, out=slots[i + 1], plus=slots[i] if i else None)
        yield from self.head.steps(group, self.h[group])

    def end(self) -> None:
        push(self.above[0], self.image.values())


class GatedPixelCNN(PixelModel):
    """Gated PixelCNN; a label adds a bias of its own to every gate of both stacks.

    Args:
        spec: the data's type: pictures of integer levels.
        channels: width of either stack.
        blocks: number of layers after the first.
        kernel_size: of the first layer; the others have 3.
        head_channels: width of the layer before the last.
        output: "categorical" (a logit for each level; for two levels one) or "logistic_mixture".
        num_mixtures: components of the mixture.
        condition: "label", or None.

    Raises:
        ConfigError: the data are not pictures of integer levels, or have no labels where they are a condition.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: Positive = 64,
        blocks: NonNegative = 10,
        kernel_size: Kernel = 7,
        head_channels: Positive = 32,
        output: Literal["categorical", "logistic_mixture"] = "categorical",
        num_mixtures: Positive = 10,
        condition: Literal["label"] | None = None,
    ) -> None:
        super().__init__(spec, output=output, num_mixtures=num_mixtures, condition=condition)
        self.net = _Network(
            spec,
            self.output,
            channels=channels,
            blocks=blocks,
            kernel_size=kernel_size,
            head_channels=head_channels,
            num_classes=width(self.given),
        )

    def _network(self, x: Tensor, c: Tensor | None) -> Tensor:
        return self.net(x, c)

    def _rows(self, n: int, c: Tensor | None) -> RowNetwork:
        return _GatedRows(self.net, c, batch=n, groups=self.output.groups, width=self.spec.event_shape[2])
