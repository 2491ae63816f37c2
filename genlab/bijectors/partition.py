"""Which entries of an example a coupling conditions on, and which it transforms.

"Density Estimation using Real NVP", L. Dinh, J. Sohl-Dickstein, S. Bengio, 2017, https://arxiv.org/abs/1605.08803
(section 3.4 and figure 3: the masks)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Partition(nn.Module):
    """A part A that stays and a part B that moves.

    Attributes:
        inputs: number of features (channels) of the condition that `split` returns.
        moved: number of features (channels) of the part that moves.
    """

    inputs: int
    moved: int

    @abstractmethod
    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``x -> (condition, x_B)``: what the network sees, which tells x_A, and what moves."""

    @abstractmethod
    def merge(self, condition: Tensor, moved: Tensor) -> Tensor:
        """Inverse of `split`."""

    def restrict(self, parameters: Tensor) -> Tensor:
        """The network's output, zero wherever nothing is to move."""
        return parameters


class Halves(Partition):
    """Half of the features of ``(B, C, ...)`` stay: of a vector's entries, of a picture's channels.

    Args:
        features: C, at least 2.
        keep: 0, and the first half stays (the larger one of an odd C); 1, and the second does.
    """

    def __init__(self, features: int, *, keep: int) -> None:
        super().__init__()
        self.keep = keep
        self.sizes = [features - features // 2, features // 2]
        self.inputs, self.moved = self.sizes[keep], self.sizes[1 - keep]

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, C, ...) -> (B, inputs, ...), (B, moved, ...)``."""
        halves = x.split(self.sizes, 1)
        return halves[self.keep], halves[1 - self.keep]

    def merge(self, condition: Tensor, moved: Tensor) -> Tensor:
        """The halves side by side."""
        return torch.cat((moved, condition) if self.keep else (condition, moved), 1)


class Chosen(Partition):
    """The features of ``(B, C, ...)`` that are named move, all others stay.

    Args:
        features: C.
        moved: indices of those that move: at least one, and not all.
    """

    stays: Tensor
    moves: Tensor
    back: Tensor

    def __init__(self, features: int, *, moved: Sequence[int]) -> None:
        super().__init__()
        stays = [i for i in range(features) if i not in moved]
        self.inputs, self.moved = len(stays), len(moved)
        self.register_buffer("stays", torch.tensor(stays), persistent=False)
        self.register_buffer("moves", torch.tensor(moved), persistent=False)
        self.register_buffer("back", torch.tensor([*stays, *moved]).argsort(), persistent=False)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, C, ...) -> (B, inputs, ...), (B, moved, ...)``."""
        return x.index_select(1, self.stays), x.index_select(1, self.moves)

    def merge(self, condition: Tensor, moved: Tensor) -> Tensor:
        """Each feature in its place."""
        return torch.cat((condition, moved), 1).index_select(1, self.back)


class Checkerboard(Partition):
    """Pictures: the pixels where ``(i + j) mod 2 = keep`` stay, in all channels.

    The condition is the picture with the other pixels blanked, and the mask itself as one more channel: zero is a
    value that a pixel may have.

    Args:
        shape: ``(C, H, W)``.
        keep: 0 or 1.
    """

    mask: Tensor

    def __init__(self, shape: tuple[int, ...], *, keep: int) -> None:
        super().__init__()
        channels, height, width = shape
        board = (torch.arange(height)[:, None] + torch.arange(width)) % 2 == keep
        self.register_buffer("mask", board.to(torch.get_default_dtype())[None, None], persistent=False)
        self.inputs, self.moved = channels + 1, channels

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, C, H, W) -> (B, C + 1, H, W), (B, C, H, W)``; the latter is all of x: `restrict` holds A in place."""
        mask = self.mask.to(x.dtype)
        return torch.cat([x * mask, mask.expand(len(x), -1, -1, -1)], 1), x

    def merge(self, condition: Tensor, moved: Tensor) -> Tensor:
        """``moved`` has the pixels that stay in their places."""
        return moved

    def restrict(self, parameters: Tensor) -> Tensor:
        """Zero on the pixels that stay."""
        return parameters * (1 - self.mask.to(parameters.dtype))
