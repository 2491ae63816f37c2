"""Reorderings of an example's entries: their log-determinant is 0."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.bijectors.base import Bijector, Transformed


class Flatten(Bijector):
    """``(B, C, H, W) -> (B, C H W)``.

    Args:
        shape: ``(C, H, W)``.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """To vectors."""
        return Transformed(x.flatten(1), x.new_zeros(len(x)))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """To pictures."""
        return Transformed(z.view(-1, *self.shape), z.new_zeros(len(z)))


class EvenOdd(Bijector):
    """Vectors ``(B, D)``: the even entries first, then the odd ones, so that each half is the other's neighbours."""

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """Apart."""
        return Transformed(torch.cat((x[:, ::2], x[:, 1::2]), 1), x.new_zeros(len(x)))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """Interleaved."""
        dim = z.shape[1]
        place = torch.arange(dim, device=z.device)
        place = torch.cat((place[::2], place[1::2])).argsort()
        return Transformed(z[:, place], z.new_zeros(len(z)))


class Squeeze(Bijector):
    """``(B, C, H, W) -> (B, 4 C, H / 2, W / 2)``: each 2x2 square becomes four channels (section 3.6 of Real NVP).

    Channel ``(2 i + j) C + c`` has the pixel (i, j) of each square: half of the channels are half of the pixels.
    """

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """Space to channels."""
        b, depth, h, w = x.shape
        squares = x.view(b, depth, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)
        return Transformed(squares.reshape(b, 4 * depth, h // 2, w // 2), x.new_zeros(b))

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """Channels to space."""
        b, depth, h, w = z.shape
        squares = z.view(b, 2, 2, depth // 4, h, w).permute(0, 3, 4, 1, 5, 2)
        return Transformed(squares.reshape(b, depth // 4, 2 * h, 2 * w), z.new_zeros(b))
