"""The PixelCNN: a picture's values, one after the other.

With the values in the order of rows, columns and channels,

    p(x) = prod_i p(x_i | x_1 ... x_(i-1)),

and one network gives all conditionals at once, because none of its outputs sees its own value or a later one: the
first convolution has mask A, all others mask B (see `genlab.models.pixelcnn.causal`). The likelihood is exact and costs
one evaluation. Sampling is sequential; it evaluates each layer once at each pixel (see
`genlab.models.pixelcnn.incremental`).

"Pixel Recurrent Neural Networks", A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, 2016,
https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.distributions.pixels import PixelOutput, for_pixels
from genlab.models.capabilities import Autoregressive
from genlab.models.codable import Codable, Unfolding
from genlab.models.conditions import check_condition, given_by, width
from genlab.models.pixelcnn.causal import CausalConv2d, channel_groups
from genlab.models.pixelcnn.incremental import CausalRow, Head, Pointwise, RowNetwork, Step, draw_rows, unfold_rows
from genlab.ops.bars import Progress
from genlab.signatures.ranges import Kernel, NonNegative, Positive


class PixelModel(Autoregressive, Codable):
    """What the models of this family share: a causal network and the distribution of its outputs.

    Args:
        spec: the data's type: pictures of integer levels.
        output: "categorical" or "logistic_mixture".
        num_mixtures: components of the mixture.
        condition: "label", or None.
    """

    needs = ("one set", "image", "integers")
    needs_with = {"condition=label": ("labels",)}

    def __init__(
        self, spec: DataSpec, *, output: str, num_mixtures: int, condition: Literal["label"] | None = None
    ) -> None:
        super().__init__()
        self.spec = spec
        require(type(self), spec, condition=condition)
        self.output: PixelOutput = for_pixels(spec, kind=output, num_mixtures=num_mixtures)
        self.given = given_by(condition, spec)

    @abstractmethod
    def _network(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Outputs ``(B, num_outputs, H, W)`` for pictures ``(B, C, H, W)`` on the scale 0 ... 1."""

    @abstractmethod
    def _rows(self, n: int, c: Tensor | None) -> RowNetwork:
        """The same network, for ``n`` pictures pixel by pixel."""

    def outputs(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """What the network says about every pixel, ``(B, num_outputs, H, W)``."""
        assert self.spec.levels is not None
        check_condition(self.given, c)
        dtype = next(self.parameters()).dtype
        # channels last: 1x1 convolutions become matrix products without a copy
        x = (x.to(dtype) / (self.spec.levels - 1)).contiguous(memory_format=torch.channels_last)
        return self._network(x, c)

    def log_prob_per_dim(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log p(x_i | x_<i)`` in nats, ``(B, C, H, W)``."""
        return self.output.log_prob(x, self.outputs(x, c))

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log p(x)``, ``(B,)`` nats per example."""
        return self.log_prob_per_dim(x, c).flatten(1).sum(1)

    def values(self, x: Tensor) -> Tensor:
        """Row by row, the channels of a pixel together: ``(B, C, H, W)`` to ``(B, H W C)``."""
        return x.permute(0, 2, 3, 1).flatten(1)

    def distributions(self, x: Tensor, c: Tensor | None = None) -> Iterator[Tensor]:
        """See `Codable.distributions`: a piece for each row."""
        for row, known in zip(self.outputs(x, c).split(1, 2), x.split(1, 2), strict=True):
            said = []
            for out, own in zip(row.chunk(self.output.groups, 1), known.chunk(self.output.groups, 1), strict=True):
                said += [self.output.every(out, own[:, :k]) for k in range(own.shape[1])]  # (B, L, 1, W) each
            yield torch.cat(said, 2).permute(0, 3, 2, 1).flatten(1, 2)

    @torch.no_grad()
    def unfold(self, n: int, c: Tensor | None = None, *, length: int | None = None) -> Unfolding:
        """See `Codable.unfold`."""
        check_condition(self.given, c)
        return (yield from unfold_rows(self._rows(n, c), self.output, n=n, height=self.spec.event_shape[1]))

    def sample(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """``n`` pictures, pixel by pixel."""
        return self._draw(n, c, generator, progress)

    def complete(
        self,
        x: Tensor,
        keep: Tensor,
        c: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """``x`` with all pixels but those of ``keep`` drawn anew; see `Autoregressive.complete`."""
        keep = keep.expand(len(x), *x.shape[2:])
        return self._draw(len(x), c, generator, progress, kept=x, keep=keep)

    def _draw(
        self,
        n: int,
        c: Tensor | None,
        generator: torch.Generator | None,
        progress: Progress | None,
        *,
        kept: Tensor | None = None,
        keep: Tensor | None = None,
    ) -> Tensor:
        check_condition(self.given, c)
        device = next(self.parameters()).device
        # inference mode: tens of thousands of small operations, for each of which autograd's books cost as much again;
        # a graph is recorded without it, as its random state would be bound to it
        fast = torch.no_grad() if device.type == "cuda" else torch.inference_mode()
        with fast, torch.autocast(device.type, enabled=False):
            drawn = draw_rows(
                self._rows(n, c),
                self.output,
                height=self.spec.event_shape[1],
                generator=generator,
                given=kept,
                keep=keep,
                progress=progress,
            )
        return drawn.clone()  # an ordinary tensor


class ResidualBlock(nn.Module):
    """``h + widen(relu(conv(relu(narrow(relu(h))))))``: 1x1 to half the width, 3x3, 1x1 back; all with mask B.

    Args:
        channels: width of the residual stream.
        groups: of channels, which are kept apart.
        num_classes: of a label, which adds a bias to the 3x3 convolution; 0 for none.
    """

    def __init__(self, channels: int, groups: int, *, num_classes: int = 0) -> None:
        super().__init__()
        wide, half = channel_groups(channels, groups), channel_groups(max(1, channels // 2), groups)
        self.narrow = CausalConv2d(wide, half, mask="B", kernel_size=(1, 1))
        self.conv = CausalConv2d(half, half, mask="B", kernel_size=(3, 3))
        self.widen = CausalConv2d(half, wide, mask="B", kernel_size=(1, 1))
        self.label = nn.Embedding(num_classes, len(half)) if num_classes else None

    def forward(self, h: Tensor, y: Tensor | None) -> Tensor:
        """``(B, channels, H, W)`` to the same."""
        inner = self.conv(F.relu(self.narrow(F.relu(h))))
        return h + self.widen(F.relu(biased(inner, self.label, y)))


def biased(h: Tensor, label: nn.Embedding | None, y: Tensor | None) -> Tensor:
    """``h: (B, n, H, W)`` with what the label adds to every pixel, if there is one."""
    return h if label is None else h + label(y)[:, :, None, None]


class PixelCNN(PixelModel):
    """PixelCNN with residual blocks (van den Oord et al., 2016, table 1 and figure 5).

    A label adds a bias of its own to the first convolution and to that of every block, the same at every pixel, as in
    the conditional model of van den Oord et al. (2016b, https://arxiv.org/abs/1606.05328, section 2.3).

    Its masks leave a blind spot, however deep the network: after a first kernel of size k, a pixel d rows above is
    seen up to ``d + (k - 3) / 2`` columns to the right and no further (see `GatedPixelCNN`).

    Args:
        spec: the data's type: pictures of integer levels.
        channels: width of the residual stream, twice that of the 3x3 convolutions.
        blocks: number of residual blocks.
        kernel_size: of the first convolution.
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
        channels: Positive = 32,
        blocks: NonNegative = 15,
        kernel_size: Kernel = 7,
        head_channels: Positive = 32,
        output: Literal["categorical", "logistic_mixture"] = "categorical",
        num_mixtures: Positive = 10,
        condition: Literal["label"] | None = None,
    ) -> None:
        super().__init__(spec, output=output, num_mixtures=num_mixtures, condition=condition)
        groups = self.output.groups
        picture, wide = channel_groups(spec.event_shape[0], groups), channel_groups(channels, groups)
        head = channel_groups(head_channels, groups)
        said = channel_groups(self.output.num_outputs, groups)
        self.first = CausalConv2d(picture, wide, mask="A", kernel_size=(kernel_size, kernel_size))
        classes = width(self.given)
        self.blocks = nn.ModuleList(ResidualBlock(channels, groups, num_classes=classes) for _ in range(blocks))
        self.head = CausalConv2d(wide, head, mask="B", kernel_size=(1, 1))
        self.last = CausalConv2d(head, said, mask="B", kernel_size=(1, 1))
        self.label = nn.Embedding(classes, channels) if classes else None

    def _network(self, x: Tensor, c: Tensor | None) -> Tensor:
        h = biased(self.first(x), self.label, c)
        for block in self.blocks:
            h = block(h, c)
        return self.last(F.relu(self.head(F.relu(h))))

    def _rows(self, n: int, c: Tensor | None) -> RowNetwork:
        return _PixelCNNRows(self, n, c)


class _PixelCNNRows(RowNetwork):
    """A `PixelCNN` pixel by pixel; ``h`` is the residual stream at the pixel."""

    def __init__(self, model: PixelCNN, batch: int, y: Tensor | None) -> None:
        groups, width = model.output.groups, model.spec.event_shape[2]

        def row(conv: CausalConv2d) -> CausalRow:
            return CausalRow(conv, width=width, batch=batch, groups=groups)

        def point(conv: CausalConv2d) -> Pointwise:
            return Pointwise(conv, batch=batch, groups=groups)

        def bias(label: nn.Embedding | None) -> Tensor | None:
            return None if label is None else label(y)[:, :, None]

        self.image = row(model.first)
        self.biases = [bias(model.label)]  # of the label: of the first layer, then of each block's
        self.blocks: list[tuple[Pointwise, CausalRow, Pointwise]] = []
        for block in model.blocks:
            assert isinstance(block, ResidualBlock)
            self.biases.append(bias(block.label))
            self.blocks.append((point(block.narrow), row(block.conv), point(block.widen)))
        self.head = Head(model.head, model.last, batch=batch, groups=groups)
        self.out = self.head.out
        h = self.image.row.new_empty(len(self.image.order), batch)
        self.h = [h[span] for span in self.image.out]

    def begin(self) -> None:
        rows = [self.image, *(conv for _, conv, _ in self.blocks)]
        for row, bias in zip(rows, self.biases, strict=True):
            row.begin(bias)

    def steps(self, column: int, group: int) -> Iterator[Step]:
        h = self.h[group]
        yield self.image.step(column, group, out=h)
        for narrow, conv, widen in self.blocks:
            yield partial(torch.clamp_min, h, 0, out=narrow.x[group])
            yield narrow.step(group, out=conv.slot(column, group))
            yield conv.slot(column, group).relu_
            yield conv.step(column, group, out=widen.x[group])
            yield widen.x[group].relu_
            yield widen.step(group, out=h, plus=h)
        yield from self.head.steps(group, h)

    def end(self) -> None:
        self.image.end()
        for _, conv, _ in self.blocks:
            conv.end()
