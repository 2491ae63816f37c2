"""Convolutions that see only what comes before: rows above, pixels to the left, and of a pixel its earlier channels.

A picture's values are ordered by row, column, channel. A feature at pixel (i, j) belongs to a group ``g``: it may
depend on all earlier pixels and on those channels of pixel (i, j) that come before channel ``g`` (and, under mask B,
on other features of group ``g``). With one group no feature sees any channel of its own pixel.

"Pixel Recurrent Neural Networks", A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, 2016,
https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def channel_groups(channels: int, groups: int) -> Tensor:
    """The group of each of ``channels`` features, ``(channels,) int64``: contiguous shares, 0 0 1 1 2 2."""
    return torch.arange(channels) * groups // channels


class CausalConv2d(nn.Conv2d):
    """``y = b + (M * W) conv x``, ``(B, n, H, W) -> (B, m, H, W)``, with a mask M of zeros and ones.

        M[o, i, r, c] = 1            row r above the centre
        M[o, i, r, c] = 1            r the centre's row, column c left of it
        M[o, i, r, c] = g_i < g_o    the centre itself, mask A      (g_i <= g_o: mask B)
        M[o, i, r, c] = 0            elsewhere.

    The rows below the centre are never multiplied: the kernel is cut before it is applied. The weight keeps them, so
    that parameters are counted, and initialised, as everywhere else.

    Args:
        inputs: group of each input feature, ``(n,) int64``.
        outputs: group of each output feature, ``(m,) int64``.
        mask: "A" for the layer that reads the picture, "B" for all others.
        kernel_size: rows and columns, odd. With one row the kernel ends at its centre.
    """

    mask: Tensor

    def __init__(
        self, inputs: Tensor, outputs: Tensor, *, mask: Literal["A", "B"], kernel_size: tuple[int, int]
    ) -> None:
        above, left = kernel_size[0] // 2, kernel_size[1] // 2
        columns = kernel_size[1] if above else left + 1
        super().__init__(len(inputs), len(outputs), (kernel_size[0], columns))
        self.above, self.left = above, left
        self.input_groups, self.output_groups = inputs.tolist(), outputs.tolist()
        seen = torch.ones(len(outputs), len(inputs), above + 1, columns)
        seen[:, :, above, left + 1 :] = 0
        g_o, g_i = outputs[:, None], inputs[None, :]
        seen[:, :, above, left] = (g_i < g_o if mask == "A" else g_i <= g_o).float()
        self.register_buffer("mask", seen, persistent=False)
        self.unmasked = bool(seen.all())  # a 1x1 convolution of one group

    def masked_weight(self) -> Tensor:
        """``(m, n, above + 1, columns)``: the rows above the centre, and its own."""
        weight = self.weight[:, :, : self.above + 1]
        return weight if self.unmasked else weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """Features of ``x: (B, n, H, W)``."""
        y = F.conv2d(x, self.masked_weight(), self.bias, padding=(self.above, self.left))
        if y.shape[2:] == x.shape[2:]:
            return y
        # a view of a larger picture would slow down every layer after this one
        return y[:, :, : x.shape[2], : x.shape[3]].contiguous(memory_format=torch.channels_last)


class VerticalConv2d(nn.Conv2d):
    """A convolution over the rows above (mask A) or over those and its own (mask B), ``(B, n, H, W) -> (B, m, H, W)``.

    It sees to both sides. What reads a pixel of its output must come after the whole row.

    Args:
        inputs, outputs: n and m.
        mask: "A" or "B".
        kernel_size: odd; the kernel has its upper half, and with mask B its middle row.
    """

    def __init__(self, inputs: int, outputs: int, *, mask: Literal["A", "B"], kernel_size: int) -> None:
        self.above = self.left = kernel_size // 2
        super().__init__(inputs, outputs, (self.above + (mask == "B"), kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        """Features of ``x: (B, n, H, W)``."""
        y = F.conv2d(F.pad(x, (0, 0, self.above, 0)), self.weight, self.bias, padding=(0, self.left))
        return y[:, :, : x.shape[2]]

    def row(self, rows: Tensor) -> Tensor:
        """One row ``(B, m, 1, W)`` of them, from the rows ``(B, n, r, W)`` that it sees."""
        return F.conv2d(rows, self.weight, self.bias, padding=(0, self.left))
