"""Ancestral sampling of a causal network at the cost of one evaluation, not of one evaluation per pixel.

A causal network's features never change once their pixel is drawn. So they are kept, and a new pixel costs one small
matrix product for each layer:

    y[j] = (b + what the rows above contribute) + W_left [x[j-k] ... x[j-1], x[j]]

The bracket is a slice of the layer's *row buffer*, laid out ``(column, feature, batch)`` so that neighbouring pixels
are neighbours in memory; the parenthesis is computed for a whole row at once when the row begins. At this size the
cost is the number of operations and not their arithmetic, so every view is made once: the operations of a row form a
list, the *programme*, which reads and writes the same buffers in every row, and is run again for the next one; on a
CUDA device as one graph.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from genlab.distributions.pixels import PixelOutput
from genlab.models.codable import Unfolding
from genlab.models.pixelcnn.causal import CausalConv2d
from genlab.ops.bars import Progress
from genlab.ops.graphs import Repeated

Step = Callable[[], object]


def spans(groups: list[int], count: int) -> list[slice]:
    """Where each group lies in features that are sorted by group: one slice for each of ``count`` groups."""
    ends = [sum(g < group for g in groups) for group in range(count + 1)]
    return [slice(low, high) for low, high in pairwise(ends)]


class Pointwise:
    """A 1x1 causal convolution at one pixel: ``y = [b W] [1; x]``, its input ``x`` in a buffer below a row of ones."""

    def __init__(self, conv: CausalConv2d, *, batch: int, groups: int) -> None:
        weight, bias = conv.masked_weight()[:, :, 0, 0], conv.bias
        assert bias is not None
        self.weight = torch.cat([bias[:, None], weight], 1)
        self.buffer = weight.new_ones(1 + weight.shape[1], batch)
        self.x = [self.buffer[1 + s.start : 1 + s.stop] for s in spans(conv.input_groups, groups)]
        self.out = spans(conv.output_groups, groups)

    def step(self, group: int, *, out: Tensor, plus: Tensor | None = None) -> Step:
        """``out = y`` of one group, or ``plus + y``, from the inputs of this group and of those before it."""
        # masked weights are zero, but what they would multiply is not yet written: leave it out
        seen = 1 + sum(len(x) for x in self.x[: group + 1])
        weight, x = self.weight[self.out[group], :seen], self.buffer[:seen]
        if plus is None:
            return partial(torch.mm, weight, x, out=out)
        return partial(torch.addmm, plus, weight, x, out=out)


class Head:
    """``last(relu(head(relu(h))))`` at one pixel."""

    def __init__(self, head: CausalConv2d, last: CausalConv2d, *, batch: int, groups: int) -> None:
        self.head = Pointwise(head, batch=batch, groups=groups)
        self.last = Pointwise(last, batch=batch, groups=groups)
        out = self.last.buffer.new_empty(last.out_channels, batch)
        self.out = [out[span] for span in spans(last.output_groups, groups)]

    def steps(self, group: int, h: Tensor) -> Iterator[Step]:
        """From the features ``h`` of a group to its outputs."""
        yield partial(torch.clamp_min, h, 0, out=self.head.x[group])
        yield self.head.step(group, out=self.last.x[group])
        yield self.last.x[group].relu_
        yield self.last.step(group, out=self.out[group])


class CausalRow:
    """A causal convolution along one row.

    Args:
        conv: the layer.
        width: of the picture.
        batch: number of pictures.
        groups: of channels.

    Attributes:
        row: ``(k + width + k, n, batch)``: the input at this row, between ``k`` columns of padding.
        base: ``(width, m, batch)``: bias and contribution of the rows above, features sorted by group.
        order: which feature comes where in that order, ``(m,) int64``.
    """

    def __init__(self, conv: CausalConv2d, *, width: int, batch: int, groups: int) -> None:
        assert conv.bias is not None
        self.order = torch.tensor(conv.output_groups, device=conv.weight.device).argsort(stable=True)
        weight = conv.masked_weight()[self.order]
        features, inputs, rows, columns = weight.shape
        self.pad = conv.left
        *above, own = weight.transpose(1, 3).unbind(2)  # (m, columns, n) for each row of the kernel
        self.left = own[:, : self.pad + 1].flatten(1)
        self.bias = conv.bias[self.order]
        self.row = weight.new_zeros(width + 2 * self.pad, inputs, batch)
        self.base = weight.new_empty(width, features, batch)
        self.past = [torch.zeros_like(self.row) for _ in range(rows - 1)]
        # what the kernel sees of a row, column by column: overlapping views, for one batched product
        shape, stride = (width, columns * inputs, batch), (inputs * batch, batch, 1)
        self.windows = [row.as_strided(shape, stride) for row in self.past]
        self.above = [part.flatten(1).expand(width, -1, -1) for part in above]
        self.x, self.out = spans(conv.input_groups, groups), spans(conv.output_groups, groups)
        centre = conv.mask[self.order, :, rows - 1, self.pad]
        # how far into a pixel's features each group may look
        self.seen = [int(centre[out].any(0).sum()) if out.stop > out.start else 0 for out in self.out]

    def slot(self, column: int, group: int) -> Tensor:
        """Where the input of a pixel is written, ``(n / groups, batch)``."""
        return self.row[self.pad + column, self.x[group]]

    def step(self, column: int, group: int, *, out: Tensor) -> Step:
        """``out = y[column]`` of one group."""
        inputs = self.row.shape[1]
        seen = self.pad * inputs + self.seen[group]
        x = self.row[column : column + self.pad + 1].flatten(0, 1)[:seen]
        return partial(torch.addmm, self.base[column, self.out[group]], self.left[self.out[group], :seen], x, out=out)

    def begin(self, other: Tensor | None = None) -> None:
        """What the rows above contribute to this one, and ``other (batch, m, width)`` if there is more."""
        self.base.copy_(self.bias[:, None])
        for weight, window in zip(self.above, self.windows, strict=True):
            self.base.baddbmm_(weight, window)
        if other is not None:
            self.base += other[:, self.order].permute(2, 1, 0)

    def end(self) -> None:
        """This row becomes the nearest of the rows above."""
        for above, below in pairwise([*self.past, self.row]):
            above.copy_(below)

    def values(self) -> Tensor:
        """The input at this row as a picture has it, ``(batch, n, width)``."""
        return self.row[self.pad : len(self.row) - self.pad].permute(2, 1, 0)


def push(rows: Tensor, row: Tensor) -> None:
    """Drop the topmost of ``rows (B, n, r, W)`` and put ``row (B, n, W)`` below the others."""
    rows.copy_(torch.cat([rows[:, :, 1:], row[:, :, None]], 2))


class RowNetwork(ABC):
    """A causal network that is evaluated pixel by pixel.

    Attributes:
        image: the layer that reads the picture; a drawn pixel is written to its slot.
        out: for each group, the buffer ``(outputs of the group, batch)`` of what the network says.
    """

    image: CausalRow
    out: list[Tensor]

    @abstractmethod
    def begin(self) -> None:
        """Prepare a row: all that depends on the rows above only."""

    @abstractmethod
    def steps(self, column: int, group: int) -> Iterator[Step]:
        """What fills ``out[group]`` at one pixel, from the pixels and channels before."""

    @abstractmethod
    def end(self) -> None:
        """Keep what the rows below will need."""


def draw_rows(
    network: RowNetwork,
    output: PixelOutput,
    *,
    height: int,
    generator: torch.Generator | None,
    given: Tensor | None = None,
    keep: Tensor | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Draw pictures ``(B, C, H, W) uint8`` row by row.

    Args:
        network: fresh (see `RowNetwork`).
        output: the distribution of its outputs.
        height: H.
        generator: of the random numbers, of which each row takes `PixelOutput.noise`.
        given: pictures ``(B, C, H, W) uint8``, of which ``keep`` is kept.
        keep: ``(B, H, W) bool``; kept pixels are not drawn, and condition those after them.
        progress: shows a bar over the rows.
    """
    image = network.image
    n, channels, width = image.values().shape
    scale, top = 1 / (output.levels - 1), output.levels - 1
    pictures = torch.zeros(n, channels, height, width, dtype=output.dtype, device=image.row.device)
    noise = torch.zeros(width, output.num_noise, n, device=image.row.device)
    kept = torch.zeros(width, 1, n, dtype=torch.bool, device=image.row.device)
    levels = torch.zeros(width, channels, n, device=image.row.device)

    def draw(column: int, group: int, slot: Tensor) -> None:
        drawn = output.draw(group, network.out[group], noise[column])
        if keep is not None:
            drawn = torch.where(kept[column], levels[column, image.x[group]], drawn)
        torch.mul(drawn, scale, out=slot)

    programme: list[Step] = []
    for column in range(width):
        for group in range(output.groups):
            programme += network.steps(column, group)
            programme.append(partial(draw, column, group, image.slot(column, group)))

    def draw_row() -> None:
        network.begin()
        for step in programme:
            step()
        network.end()

    repeated = Repeated(draw_row, device=image.row.device)
    rows = range(height)
    for i in rows if progress is None else progress(rows, height):
        noise.copy_(output.noise(width, n, like=image.row, generator=generator))
        if keep is not None and given is not None:
            kept.copy_(keep[:, i].T[:, None])
            levels.copy_(given[:, :, i].permute(2, 1, 0))
        repeated()
        pictures[:, :, i] = (image.values() * top).round().to(output.dtype)
    return pictures


def unfold_rows(network: RowNetwork, output: PixelOutput, *, n: int, height: int) -> Unfolding:
    """Pictures ``(n, C, H, W)`` whose values are told one after the other; see `genlab.models.codable.Codable.unfold`.

    Args:
        network: fresh (see `RowNetwork`).
        output: the distribution of its outputs.
        n: number of pictures.
        height: H.
    """
    image = network.image
    _, channels, width = image.values().shape
    pictures = torch.zeros(n, channels, height, width, dtype=output.dtype, device=image.row.device)
    places = [(column, group) for column in range(width) for group in range(output.groups)]
    programme = [(column, group, list(network.steps(column, group))) for column, group in places]
    for i in range(height):
        network.begin()
        for column, group, steps in programme:
            for step in steps:
                step()
            out, slot = network.out[group].T.clone(), image.slot(column, group)  # the buffer is written again
            known = out.new_zeros(n, 0)
            for _ in range(len(slot)):
                told = yield output.every(out, known)[:, None]
                known = torch.cat([known, told.to(out)], 1)
            slot.copy_(known.T / (output.levels - 1))
            pictures[:, image.x[group], i, column] = known.to(output.dtype)
        network.end()
    return pictures


def draw_by_definition(
    outputs: Callable[[Tensor], Tensor],
    output: PixelOutput,
    *,
    n: int,
    shape: tuple[int, ...],
    generator: torch.Generator | None,
) -> Tensor:
    """What `draw_rows` must agree with: a full evaluation for every pixel and group. For tests and benchmarks.

    Args:
        outputs: ``(n, C, H, W) uint8 -> (n, num_outputs, H, W)``, the network.
        output: the distribution of its outputs.
        n: number of pictures.
        shape: ``(C, H, W)``.
        generator: of the random numbers.
    """
    x = torch.zeros(n, *shape, dtype=output.dtype)
    for i in range(shape[1]):
        noise = output.noise(shape[2], n, like=x, generator=generator)
        for j in range(shape[2]):
            for group, channels in enumerate(x[:, :, i, j].chunk(output.groups, 1)):
                said = outputs(x)[:, :, i, j].chunk(output.groups, 1)[group]
                channels.copy_(output.draw(group, said.T, noise[j]).T)
    return x
